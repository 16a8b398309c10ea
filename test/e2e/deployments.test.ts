import { describe, expect, test } from '@jest/globals';
import { FORMS, PROGRAM, TARIFF } from './deployment.ts';
import { ffmpeg, natsServer } from './programs.ts';
import { RawViewer } from './raw-viewer.ts';
import { tollcast, until } from './relay-process.ts';
import { staged } from './stage.ts';

const OPTIONS = { keys: { periodMs: 2_000 }, broadcast: { graceMs: 8_000 } };

/** The same scenarios against every form, as separate processes, with the same bill for the same viewing. */
(ffmpeg === undefined || natsServer === undefined ? describe.skip : describe).each([
  ...FORMS.map((form) => [form, 0] as const),
  ['relay', 2] as const,
  ['split', 2] as const,
])('as %s with %i media threads', (form, mediaThreads) => {
  test(
    'views and bills; who stopped gets nothing more; who is silent is cut off; an expired token gets nothing',
    staged(form, { ...OPTIONS, mediaThreads }, async (stage) => {
      const { deployment } = stage;
      const [viewer, silent] = [await stage.watch('alice'), await stage.watch('silent')];
      const confirmed = Math.max(...silent.keys.keys());
      silent.answers = (epoch) => epoch <= confirmed;
      // Less than 10 s of viewing, and so 10 s on every bill.
      await until(() => (viewer.last('confirmed')?.usage.billableMs ?? 0) > 5_000, 'five seconds were viewed');
      for (const chunk of viewer.chunks) expect(viewer.open(chunk).length).toBeGreaterThan(0);
      viewer.say({ type: 'stop' });
      await until(() => viewer.last('ended'), 'stopped');
      await until(() => viewer.media?.readyState === WebSocket.CLOSED, 'its last chunks came');
      const [keys, chunks] = [viewer.keys.size, viewer.chunks.length];
      const other = await stage.watch('other');
      const first = Math.max(...other.keys.keys());
      await until(() => Math.max(...other.keys.keys()) > first, 'a key of somebody else');
      expect([viewer.keys.size, viewer.chunks.length]).toEqual([keys, chunks]);

      const late = new RawViewer(deployment.httpUrl);
      await late.watch(PROGRAM, await stage.token('late', -1), TARIFF);
      expect(await until(() => late.last('error'), 'refused')).toMatchObject({ code: 'token-expired' });
      expect(late.keys.size).toBe(0);

      expect(await until(() => silent.last('ended'), 'cut off')).toMatchObject({ reason: 'unconfirmed' });
      expect(Math.max(...silent.chunks.map(({ epoch }) => epoch))).toBe(confirmed);

      const charges = await deployment.charges();
      const lines = charges.map(({ viewer, endedBy, billableSeconds, amount, viewings }) =>
        [viewer, endedBy, billableSeconds, amount, viewings.length].join(' '),
      );
      expect(lines).toEqual([
        'alice stopped 10 0.10 1',
        expect.stringMatching(/^other running /),
        'silent unconfirmed 10 0.10 1',
      ]);
      expect(await tollcast('ledger', 'verify', '--data', deployment.data)).toMatchObject({ code: 0 });
    }),
    60_000,
  );

  test(
    'restarted after a kill, bills no receipt twice and loses none',
    staged(form, { ...OPTIONS, mediaThreads }, async (stage) => {
      const { deployment } = stage;
      const viewer = await stage.watch('alice');
      await until(() => (viewer.last('confirmed')?.usage.billableMs ?? 0) > 5_000, 'five seconds were viewed');
      await deployment.process(deployment.authority).kill();
      await deployment.startPart(deployment.authority);
      const [charge, ...others] = await deployment.charges();
      expect(charge).toMatchObject({ viewer: 'alice', endedBy: 'interrupted', billableSeconds: 10, amount: '0.10' });
      expect(charge?.viewings).toHaveLength(1);
      expect(others).toEqual([]);
      await deployment.process(deployment.authority).kill();
      await deployment.startPart(deployment.authority);
      expect(await deployment.charges()).toEqual([charge]);
      expect(await tollcast('ledger', 'verify', '--data', deployment.data)).toMatchObject({ code: 0 });
    }),
    60_000,
  );
});
