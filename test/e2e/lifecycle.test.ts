import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { clip, decodingErrors, publish, videoPackets } from './clip.ts';
import { ffmpeg } from './programs.ts';
import { RawViewer } from './raw-viewer.ts';
import { finished, RelayProcess, Scratch, startTollcast, tollcast, until } from './relay-process.ts';

(ffmpeg === undefined ? describe.skip : describe)('in the life of a relay', () => {
  let scratch: Scratch;
  let relay: RelayProcess;
  let publishUrl: string;
  const children: ChildProcess[] = [];

  beforeEach(async () => {
    scratch = new Scratch();
    relay = await RelayProcess.start(scratch, { keys: { periodMs: 2_000 }, broadcast: { graceMs: 6_000 } });
    ({ publishUrl } = await relay.addProgram('news'));
  });

  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await relay.stop();
    scratch[Symbol.dispose]();
  });

  const broadcast = async (): Promise<ChildProcess> => {
    const broadcaster = publish(clip(), publishUrl);
    children.push(broadcaster);
    await until(
      async () => (await (await fetch(`${relay.httpUrl}/v1/programs`)).text()).includes('"live":true'),
      'the program is live',
    );
    return broadcaster;
  };

  const watch = async (viewer: string): Promise<RawViewer> => {
    const raw = new RawViewer(relay.httpUrl);
    await raw.watch('news', await relay.viewerToken('news', viewer));
    await until(() => raw.chunks.length > 10, 'chunks came');
    return raw;
  };

  test('SIGTERM ends viewings in the ledger, tells the viewers, and the process exits with 0 within 5 s', async () => {
    await broadcast();
    const viewer = await watch('alice');
    const fromMs = Date.now();
    expect(await relay.stop()).toBe(0);
    expect(Date.now() - fromMs).toBeLessThan(5_000);
    expect(viewer.last('ended')).toMatchObject({ reason: 'shutdown' });
    expect(await relay.charges()).toMatchObject([{ viewer: 'alice', endedBy: 'shutdown', viewings: [{ endedBy: 'shutdown' }] }]);
    expect(await tollcast('ledger', 'verify', '--data', relay.data)).toMatchObject({ code: 0 });
  }, 30_000);

  test('a broadcaster that comes back within its grace time ends no viewing, under a new key, on one continuous timeline', async () => {
    const first = await broadcast();
    const out = scratch.file('view.flv');
    const token = await relay.viewerToken('news', 'alice');
    const viewing = finished(
      startTollcast('view', relay.httpUrl, '--program', 'news', '--token', token, '--out', out, '--seconds', '9'),
    );
    const viewer = await watch('bob');
    first.kill('SIGKILL');
    await once(first, 'exit');
    await until(() => viewer.last('media')?.state === 'away', 'the broadcaster is away');
    const before = Math.max(...viewer.chunks.map(({ epoch }) => epoch));
    children.push(publish(clip(), publishUrl));
    await until(() => viewer.last('media')?.state === 'live', 'the broadcaster is back');
    await until(() => viewer.chunks.some(({ epoch }) => epoch > before), 'chunks of a new epoch');
    expect(await viewing).toMatchObject({ code: 0 });
    expect(decodingErrors(out)).toBe('');
    // From the first keyframe of the second run on, its frames follow those of the first.
    const [got, sent] = [videoPackets(out), videoPackets(clip())];
    const again = got.lastIndexOf(sent[0] ?? '');
    expect(again).toBeGreaterThan(0);
    expect(got.slice(again)).toEqual(sent.slice(0, got.length - again));
    viewer.say({ type: 'stop' });
    await until(() => viewer.last('ended'), 'the viewing ended');
    const charges = await relay.charges();
    expect(charges.map(({ viewer, viewings }) => [viewer, viewings.length])).toEqual([
      ['alice', 1],
      ['bob', 1],
    ]);
  }, 60_000);

  test('a broadcaster that stays away ends the broadcast and its viewings, billed to the last chunk', async () => {
    const broadcaster = await broadcast();
    const viewer = await watch('alice');
    broadcaster.kill('SIGKILL');
    const awayAtMs = Date.now();
    const ended = await until(() => viewer.last('ended'), 'the viewing ended');
    expect(ended.reason).toBe('broadcast-ended');
    const [charge] = await relay.charges();
    expect(Date.parse(charge?.viewings[0]?.endedAt ?? '')).toBeLessThanOrEqual(awayAtMs + 1_000);
  }, 30_000);

  test('a program that is removed while it runs ends its viewings', async () => {
    await broadcast();
    const viewer = await watch('alice');
    expect(await tollcast('program', 'remove', 'news', '--data', relay.data)).toMatchObject({ code: 0 });
    expect(await until(() => viewer.last('ended'), 'the viewing ended')).toMatchObject({ reason: 'program-removed' });
  }, 30_000);

  test('an operator revokes a viewing over HTTP, and nobody else can', async () => {
    await broadcast();
    const viewer = await watch('alice');
    const url = `${relay.httpUrl}/v1/viewings/${viewer.viewing}`;
    const { stdout } = await tollcast('token', 'operator', '--data', relay.data);
    const revoke = (token: string) => fetch(url, { method: 'DELETE', headers: { authorization: `Bearer ${token}` } });
    expect((await revoke(await relay.viewerToken('news', 'alice'))).status).toBe(401);
    expect((await revoke(stdout.trim())).status).toBe(204);
    expect(await until(() => viewer.last('ended'), 'the viewing ended')).toMatchObject({ reason: 'revoked' });
  }, 30_000);

  test('a spending cap ends the viewing before it is exceeded', async () => {
    await broadcast();
    const viewer = new RawViewer(relay.httpUrl);
    // 0.60 a minute is a cent a second.
    await viewer.watch('news', await relay.viewerToken('news', 'alice', '--cap', '0.09'));
    const ended = await until(() => viewer.last('ended'), 'the viewing ended');
    expect(ended.reason).toBe('credit-exhausted');
    expect(Number(ended.usage.amount)).toBeLessThanOrEqual(0.09);
    expect(Number(ended.usage.amount)).toBeGreaterThan(0.02);
    const again = new RawViewer(relay.httpUrl);
    await again.watch('news', await relay.viewerToken('news', 'alice', '--cap', '0.01'));
    expect(await until(() => again.last('error'), 'no credit')).toMatchObject({ code: 'credit-exhausted' });
  }, 30_000);

  test('what the live meter tells a viewer is what the ledger bills', async () => {
    await broadcast();
    const viewer = await watch('alice');
    const first = Math.max(...viewer.keys.keys());
    await until(() => viewer.chunks.some(({ epoch }) => epoch > first + 1), 'three epochs were seen');
    viewer.say({ type: 'stop' });
    const { usage } = await until(() => viewer.last('ended'), 'the viewing ended');
    const [charge] = await relay.charges();
    expect(charge).toMatchObject({ billableSeconds: usage.billableSeconds, amount: usage.amount });
    expect(charge?.viewings[0]?.billableMs).toBe(usage.billableMs);
  }, 30_000);
});
