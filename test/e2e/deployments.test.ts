import type { ChildProcess } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openDataFolder } from '../../src/config/data-folder.ts';
import { signViewerToken } from '../../src/tokens/viewer-token.ts';
import { clip, publish } from './clip.ts';
import { Deployment, FORMS, PROGRAM } from './deployment.ts';
import { ffmpeg, natsServer } from './programs.ts';
import { RawViewer } from './raw-viewer.ts';
import { Scratch, tollcast, until } from './relay-process.ts';

const PERIOD_MS = 2_000;
const TARIFF = { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 5 };

/** The same scenarios against every form, as separate processes, with the same bill for the same viewing. */
(ffmpeg === undefined || natsServer === undefined ? describe.skip : describe).each(FORMS)('as %s', (form) => {
  let scratch: Scratch;
  let deployment: Deployment;
  let broadcaster: ChildProcess;

  beforeEach(async () => {
    scratch = new Scratch();
    deployment = await Deployment.start(form, scratch, { keys: { periodMs: PERIOD_MS }, broadcast: { graceMs: 8_000 } });
    broadcaster = publish(clip(), deployment.publishUrl);
    await until(() => deployment.isLive(), `${PROGRAM} is live`).catch((error) => {
      throw new Error(`${error}\n${deployment.log}`);
    });
  }, 60_000);

  afterEach(async () => {
    broadcaster.kill('SIGKILL');
    await deployment.stop();
    scratch[Symbol.dispose]();
  });

  const watch = async (viewer: string): Promise<RawViewer> => {
    const raw = new RawViewer(deployment.httpUrl);
    await raw.watch(PROGRAM, await deployment.viewerToken(PROGRAM, viewer), TARIFF);
    await until(() => raw.chunks.length > 10, 'chunks came').catch((error) => {
      throw new Error(`${error}\n${JSON.stringify(raw.messages)}\n${deployment.log}`);
    });
    return raw;
  };

  test('views and bills; a stopped viewer gets nothing more; a silent one is cut off; an expired token gets nothing', async () => {
    const [viewer, silent] = [await watch('alice'), await watch('silent')];
    const confirmed = Math.max(...silent.keys.keys());
    silent.answers = (epoch) => epoch <= confirmed;
    // Between 5 s and 10 s of viewing, and so 10 s on every bill.
    await until(() => (viewer.last('confirmed')?.usage.billableMs ?? 0) > 5_000, 'five seconds were viewed');
    for (const chunk of viewer.chunks) expect(viewer.open(chunk).length).toBeGreaterThan(0);
    viewer.say({ type: 'stop' });
    await until(() => viewer.last('ended'), 'stopped');
    const [keys, chunks] = [viewer.keys.size, viewer.chunks.length];
    const other = await watch('other');
    const first = Math.max(...other.keys.keys());
    await until(() => Math.max(...other.keys.keys()) > first, 'a key of somebody else');
    expect([viewer.keys.size, viewer.chunks.length]).toEqual([keys, chunks]);

    const late = new RawViewer(deployment.httpUrl);
    const { tokenSecret } = openDataFolder(deployment.data);
    await late.watch(
      PROGRAM,
      await signViewerToken({ viewer: 'late', programs: [PROGRAM], ttlSeconds: -1 }, tokenSecret),
      TARIFF,
    );
    expect(await until(() => late.last('error'), 'refused')).toMatchObject({ code: 'token-expired' });

    expect(await until(() => silent.last('ended'), 'cut off')).toMatchObject({ reason: 'unconfirmed' });
    expect(Math.max(...silent.chunks.map(({ epoch }) => epoch))).toBe(confirmed);

    const charges = await deployment.charges();
    expect(charges.map(({ viewer }) => viewer)).toEqual(['alice', 'other', 'silent']);
    expect(charges[0]).toMatchObject({ endedBy: 'stopped', billableSeconds: 10, amount: '0.10' });
    expect(charges[2]).toMatchObject({ endedBy: 'unconfirmed', billableSeconds: 5, amount: '0.05' });
    expect(await tollcast('ledger', 'verify', '--data', deployment.data)).toMatchObject({ code: 0 });
  }, 60_000);

  test('restarted after a kill, bills no receipt twice and loses none', async () => {
    const viewer = await watch('alice');
    await until(() => viewer.keys.size >= 3, 'three keys');
    await deployment.process(deployment.authority).kill();
    await deployment.startPart(deployment.authority);
    const [charge] = await deployment.charges();
    expect(charge).toMatchObject({ viewer: 'alice', endedBy: 'interrupted' });
    expect(charge?.viewings).toHaveLength(1);
    expect(await tollcast('ledger', 'verify', '--data', deployment.data)).toMatchObject({ code: 0 });
  }, 60_000);
});
