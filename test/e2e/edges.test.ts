import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { ViewerClient } from '../../src/viewer/viewer-client.ts';
import { lightClip } from './clip.ts';
import { PROGRAM, TARIFF } from './deployment.ts';
import { formsOf, foundInMemory, memoryIsReadable } from './process-memory.ts';
import { ffmpeg, natsServer } from './programs.ts';
import { tollcast, until } from './relay-process.ts';
import { type Stage, staged } from './stage.ts';

const PERIOD_MS = 5_000;
const OPTIONS = { keys: { periodMs: PERIOD_MS }, clip: lightClip };
const VIEWERS = 50;
/** By default. */
const EPOCH_MS = 10_000;

/** A real viewer that notes when its picture came. */
class Watcher {
  readonly client: ViewerClient;
  readonly viewings = new Set<string>();
  readonly mediaMs: number[] = [];

  constructor(base: string, token: string) {
    this.client = ViewerClient.start({
      base,
      token,
      program: PROGRAM,
      tariff: TARIFF,
      observer: {
        admitted: ({ viewing }) => this.viewings.add(viewing),
        media: () => this.mediaMs.push(Date.now()),
      },
    });
  }

  static async join(stage: Stage, viewer: string): Promise<Watcher> {
    const watcher = new Watcher(stage.deployment.httpUrl, await stage.token(viewer));
    stage.leave(() => watcher.client.stop());
    await until(() => watcher.mediaMs.length > 5, `${viewer} has a picture`);
    return watcher;
  }

  /** When the first piece came after an instant. */
  after(atMs: number): number | undefined {
    return this.mediaMs.find((mediaMs) => mediaMs > atMs);
  }

  /** The longest time without a picture since an instant: from when to when. */
  longestGap(): { fromMs: number; toMs: number } {
    const gaps = this.mediaMs.slice(1).map((toMs, at) => ({ fromMs: this.mediaMs[at] ?? toMs, toMs }));
    return gaps.reduce((longest, gap) => (gap.toMs - gap.fromMs > longest.toMs - longest.fromMs ? gap : longest));
  }
}

const viewingsOn = async (stage: Stage, edge: string): Promise<number> => {
  const metrics = await (await fetch(`${stage.deployment.process(edge).url('viewers')}/metrics`)).text();
  return Number(/^tollcast_edge_viewings (\d+)/m.exec(metrics)?.[1]);
};

/** Whoever joins is at e1, and e2 is there afterwards. */
async function atFirstEdge<T>({ deployment }: Stage, join: () => Promise<T>): Promise<T> {
  await deployment.process('e2').stop();
  const joined = await join();
  await deployment.startPart('e2');
  await pause(1_500);
  return joined;
}

(ffmpeg === undefined || natsServer === undefined ? describe.skip : describe)('edges elsewhere', () => {
  test(
    'an edge killed: its 50 viewers are on the other one within an epoch, one viewing each in the bill',
    staged('facility', { clip: lightClip, edges: ['e1', 'e2'] }, async (stage) => {
      const { deployment } = stage;
      const viewers: Watcher[] = [];
      await atFirstEdge(stage, async () => {
        while (viewers.length < VIEWERS)
          viewers.push(
            ...(await Promise.all(Array.from({ length: 10 }, (_, at) => Watcher.join(stage, `viewer-${viewers.length + at}`)))),
          );
      });
      expect([await viewingsOn(stage, 'e1'), await viewingsOn(stage, 'e2')]).toEqual([VIEWERS, 0]);

      await deployment.process('e1').kill();
      const killedMs = Date.now();
      await until(async () => (await viewingsOn(stage, 'e2')) === VIEWERS, 'everybody is at the other edge');
      await until(() => viewers.every((viewer) => viewer.after(killedMs + 100)), 'everybody has a picture again');
      const awayMs = viewers.map((viewer) => (viewer.after(killedMs + 100) ?? 0) - killedMs).sort((a, b) => a - b);
      process.stderr.write(
        `away for ${awayMs[VIEWERS / 2]} ms in the middle, ${awayMs.at(-1)} ms at most, of an epoch of ${EPOCH_MS} ms\n`,
      );
      expect(awayMs.at(-1)).toBeLessThan(EPOCH_MS);

      const ends = await Promise.all(viewers.map(({ client }) => client.stop()));
      expect(ends.every((end) => end.by === 'server' && end.reason === 'stopped')).toBe(true);
      const charges = await deployment.charges();
      expect(charges.map(({ viewings }) => viewings.length)).toEqual(Array.from({ length: VIEWERS }, () => 1));
      for (const viewer of viewers) expect(viewer.viewings.size).toBe(1);
      expect(await tollcast('ledger', 'verify', '--data', deployment.data)).toMatchObject({ code: 0 });
    }),
    120_000,
  );

  test.each(['facility', 'split'] as const)(
    'NATS killed and started again, as %s: the picture returns by itself, viewings go on, and the time without it is not billed',
    (form) =>
      staged(form, OPTIONS, async (stage) => {
        const { deployment } = stage;
        const viewers = [await Watcher.join(stage, 'alice'), await Watcher.join(stage, 'bob')];
        const fromMs = Date.now();
        await deployment.nats?.kill();
        const killedMs = Date.now();
        await pause(4_000);
        await deployment.nats?.start();
        await until(() => viewers.every((viewer) => viewer.after(killedMs + 2_000)), 'the picture is back', 30_000);
        await pause(PERIOD_MS);
        const ends = await Promise.all(viewers.map(({ client }) => client.stop()));
        const watchedMs = Date.now() - fromMs;
        expect(ends).toMatchObject([{ reason: 'stopped' }, { reason: 'stopped' }]);
        for (const viewer of viewers) expect(viewer.viewings.size).toBe(1);
        const charges = await deployment.charges();
        for (const [at, viewer] of viewers.entries()) {
          const viewing = charges[at]?.viewings[0];
          const { fromMs: goneMs, toMs: backMs } = viewer.longestGap();
          process.stderr.write(`${form}: ${backMs - goneMs} ms without a picture, ${viewing?.billableMs} ms billed\n`);
          expect(backMs - goneMs).toBeGreaterThan(4_000);
          const joinedMs = viewer.mediaMs[0] ?? 0;
          expect(viewing?.billableMs).toBeLessThan(fromMs + watchedMs - joinedMs - (backMs - goneMs) + 1_000);
          expect(viewing?.billableMs).toBeGreaterThan(PERIOD_MS / 2);
        }
      })(),
    60_000,
  );

  (memoryIsReadable ? test : test.skip)(
    'no content key is anywhere in the memory of an edge, nor in what reaches or leaves it',
    staged('split', { ...OPTIONS, counted: true }, async (stage) => {
      const { deployment } = stage;
      deployment.proxies.get('e1')?.keep();
      const viewer = await stage.watch('alice');
      await until(() => viewer.keys.size >= 3, 'three keys');
      const keys = [...viewer.keys].sort(([a], [b]) => a - b).map(([, key]) => key);
      const forms = keys.flatMap(formsOf);
      const [before, current] = keys.slice(-2).map((key) => Buffer.from(key));
      if (before === undefined || current === undefined) throw new Error('no keys');
      // The search finds what is there.
      expect(foundInMemory(deployment.process('authority').pid, [before, current]).length).toBeGreaterThan(0);
      expect(foundInMemory(deployment.process('encryptor').pid, [before, current]).length).toBeGreaterThan(0);
      expect(foundInMemory(deployment.process('e1').pid, forms)).toEqual([]);
      const wire = Buffer.concat([deployment.proxies.get('e1')?.kept ?? Buffer.alloc(0), ...viewer.wire]);
      expect(wire.length).toBeGreaterThan(200_000);
      expect(forms.filter((form) => wire.includes(form))).toEqual([]);
    }),
    60_000,
  );

  test(
    'an edge that is stopped hands its viewers to another one first',
    staged('facility', { ...OPTIONS, edges: ['e1', 'e2'] }, async (stage) => {
      const { deployment } = stage;
      const viewer = await atFirstEdge(stage, () => Watcher.join(stage, 'alice'));
      await deployment.process('e1').stop();
      const stoppedMs = Date.now();
      await until(() => viewer.after(stoppedMs), 'it has a picture');
      await pause(PERIOD_MS);
      const { fromMs, toMs } = viewer.longestGap();
      process.stderr.write(`stopped: ${toMs - fromMs} ms without a picture\n`);
      const watchedMs = Date.now() - (viewer.mediaMs[0] ?? 0);
      expect(await viewer.client.stop()).toMatchObject({ reason: 'stopped' });
      expect(viewer.viewings.size).toBe(1);
      const [charge] = await deployment.charges();
      // What the edge before had not reported when it was stopped is in the bill too.
      expect(charge?.viewings[0]?.billableMs).toBeGreaterThan(watchedMs - (toMs - fromMs) - 1_500);
    }),
    60_000,
  );

  test(
    'a relay with an edge elsewhere serves viewers from both',
    staged('relay', { ...OPTIONS, edges: ['e1'] }, async (stage) => {
      await pause(1_500);
      const viewers = [await Watcher.join(stage, 'alice'), await Watcher.join(stage, 'bob')];
      expect(await viewingsOn(stage, 'e1')).toBe(1);
      await pause(2_000);
      const ends = await Promise.all(viewers.map(({ client }) => client.stop()));
      expect(ends).toMatchObject([{ reason: 'stopped' }, { reason: 'stopped' }]);
      for (const charge of await stage.deployment.charges()) expect(charge.billableSeconds).toBe(10);
    }),
    60_000,
  );

  test(
    'an edge whose credential is revoked is cut off within an epoch, and its viewers go on at another',
    staged('facility', { ...OPTIONS, edges: ['e1', 'e2'] }, async (stage) => {
      const { deployment } = stage;
      const viewer = await atFirstEdge(stage, () => Watcher.join(stage, 'alice'));
      await deployment.nats?.revoke('edge-e1');
      const revokedMs = Date.now();
      const e1 = deployment.process('e1').url('viewers');
      await until(async () => (await fetch(`${e1}/readyz`)).status === 503, 'it has no connection any more', PERIOD_MS);
      await until(async () => (await viewingsOn(stage, 'e2')) === 1, 'the viewer is at the other edge', PERIOD_MS);
      process.stderr.write(`at the other edge ${Date.now() - revokedMs} ms after the revocation\n`);
      await until(() => viewer.after(Date.now() - 500), 'it has a picture');
      expect(await viewer.client.stop()).toMatchObject({ reason: 'stopped' });
      expect(viewer.viewings.size).toBe(1);
    }),
    60_000,
  );
});
