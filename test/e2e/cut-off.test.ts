import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { clip, publish } from './clip.ts';
import { ffmpeg } from './programs.ts';
import { RawViewer } from './raw-viewer.ts';
import { RelayProcess, Scratch, tollcast, until } from './relay-process.ts';

const PERIOD_MS = 3_000;

(ffmpeg === undefined ? describe.skip : describe)('a relay with paying and other viewers', () => {
  const scratch = new Scratch();
  let relay: RelayProcess;
  let broadcaster: ChildProcess;

  beforeAll(async () => {
    relay = await RelayProcess.start(scratch, { keys: { periodMs: PERIOD_MS } });
    const { publishUrl } = await relay.addProgram('news');
    await relay.addProgram('sport');
    broadcaster = publish(clip(), publishUrl);
    await until(() => relay.log.includes('broadcast') && live(relay), 'the program is live');
  }, 60_000);

  afterAll(async () => {
    broadcaster.kill('SIGKILL');
    await relay.stop();
    scratch[Symbol.dispose]();
  });

  const watch = async (viewer: string): Promise<RawViewer> => {
    const raw = new RawViewer(relay.httpUrl);
    await raw.watch('news', await relay.viewerToken('news', viewer));
    return raw;
  };

  const chargeOf = async (viewer: string) => (await relay.charges()).find((charge) => charge.viewer === viewer);

  test('cuts off who stops answering at the next update, sends nothing of an unconfirmed epoch, and bills to the end of the last confirmed one', async () => {
    const viewer = await watch('silent');
    await until(() => viewer.last('confirmed'), 'the first key is confirmed');
    const confirmed = Math.max(...viewer.keys.keys());
    viewer.answers = (epoch) => epoch <= confirmed;
    const ended = await until(() => viewer.last('ended'), 'the viewing ended');
    expect(ended.reason).toBe('unconfirmed');
    expect(Math.max(...viewer.keys.keys())).toBe(confirmed + 1);
    expect(viewer.chunks.length).toBeGreaterThan(0);
    expect(Math.max(...viewer.chunks.map(({ epoch }) => epoch))).toBe(confirmed);
    const charge = await chargeOf('silent');
    expect(charge).toMatchObject({ endedBy: 'unconfirmed' });
    // The last frame of the confirmed epoch was sent within a frame or two of its end.
    const [viewing] = charge?.viewings ?? [];
    const lastedMs = Date.parse(viewing?.endedAt ?? '') - Date.parse(viewing?.startedAt ?? '');
    expect(viewing?.billableMs).toBeLessThanOrEqual(lastedMs);
    expect(viewing?.billableMs).toBeGreaterThan(lastedMs - 200);
  }, 30_000);

  test('gives who stopped no later key and no later chunk', async () => {
    const viewer = await watch('stopper');
    await until(() => viewer.chunks.length > 10, 'chunks came');
    viewer.say({ type: 'stop' });
    await until(() => viewer.last('ended'), 'the viewing ended');
    const [keys, chunks] = [viewer.keys.size, viewer.chunks.length];
    // Somebody else's next two keys: the time in which this one would have got its own.
    const other = await watch('other');
    const first = await until(() => other.keys.size > 0 && Math.max(...other.keys.keys()), 'another viewer’s key');
    await until(() => Math.max(...other.keys.keys()) >= first + 2, 'another viewer’s next keys');
    expect([viewer.keys.size, viewer.chunks.length]).toEqual([keys, chunks]);
    expect(viewer.closeCode).toBe(1_000);
    other.close();
  }, 30_000);

  test('hears a stop that its viewer did not wait for an answer to', async () => {
    const viewer = await watch('hasty');
    await until(() => viewer.chunks.length > 10, 'chunks came');
    // The receipt takes a while to verify, and the stop waits behind it.
    await viewer.confirm(Math.max(...viewer.keys.keys()));
    viewer.say({ type: 'stop' });
    viewer.close();
    expect(
      await until(async () => (await chargeOf('hasty'))?.endedBy !== 'running' && chargeOf('hasty'), 'an end'),
    ).toMatchObject({
      endedBy: 'stopped',
    });
  }, 30_000);

  test('lets a lost control socket resume, without a second viewing', async () => {
    const viewer = await watch('roamer');
    await until(() => viewer.chunks.length > 10, 'chunks came');
    viewer.control.terminate();
    await viewer.resume();
    await until(() => viewer.last('viewing')?.resumed, 'the viewing was resumed');
    const before = Math.max(...viewer.keys.keys());
    await until(() => viewer.chunks.some(({ epoch }) => epoch > before), 'chunks of the next epoch');
    viewer.say({ type: 'stop' });
    await until(() => viewer.last('ended'), 'the viewing ended');
    expect((await chargeOf('roamer'))?.viewings).toHaveLength(1);
  }, 30_000);

  test('tells who resumes that its viewing has begun, where the word of it was lost, and gives it a ticket when asked', async () => {
    const viewer = new RawViewer(relay.httpUrl);
    viewer.answers = () => false;
    await viewer.watch('news', await relay.viewerToken('news', 'unlucky'));
    const epoch = await until(() => [...viewer.keys.keys()][0], 'a key');
    await viewer.confirm(epoch);
    viewer.control.close();
    await until(() => viewer.closeCode, 'closed');
    viewer.messages.splice(0, viewer.messages.length, ...viewer.messages.filter(({ type }) => type === 'viewing'));
    viewer.answers = () => true;
    await viewer.resume();
    expect(await until(() => viewer.last('confirmed'), 'confirmed, now or again')).toMatchObject({ epoch });
    viewer.say({ type: 'ticket' });
    await until(() => viewer.chunks.length > 0, 'chunks came');
    viewer.say({ type: 'stop' });
    await until(() => viewer.last('ended'), 'the viewing ended');
  }, 30_000);

  test('refuses a changed price and a program that is not live', async () => {
    const [right, idle] = await Promise.all([relay.viewerToken('news', 'eve'), relay.viewerToken('sport', 'eve')]);
    const cheap = { pricePerMinute: '0.01', currency: 'EUR', incrementSeconds: 1 };
    const attempts = [
      { program: 'news', token: right, tariff: cheap, code: 'tariff-changed' },
      { program: 'sport', token: idle, code: 'not-live' },
    ];
    for (const { program, token, tariff, code } of attempts) {
      const viewer = new RawViewer(relay.httpUrl);
      await viewer.watch(program, token, tariff);
      expect(await until(() => viewer.last('error'), code)).toMatchObject({ code, fatal: true });
      await until(() => viewer.closeCode, 'the socket is closed');
      expect(viewer.messages.map(({ type }) => type)).toEqual(['hello', 'error']);
      expect([viewer.keys.size, viewer.chunks.length]).toEqual([0, 0]);
    }
    expect((await relay.charges()).some(({ viewer }) => viewer === 'eve')).toBe(false);
  }, 30_000);

  test('still runs, with every viewing accounted for', async () => {
    expect(relay.isRunning).toBe(true);
    expect(await tollcast('ledger', 'verify', '--data', relay.data)).toMatchObject({ code: 0 });
  });
});

async function live({ httpUrl }: RelayProcess): Promise<boolean> {
  const response = await fetch(`${httpUrl}/v1/programs`);
  const { programs } = (await response.json()) as { programs: { live: boolean }[] };
  return programs.some((program) => program.live);
}
