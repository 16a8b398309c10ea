import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { CompactSign, type CryptoKey, decodeJwt } from 'jose';
import { generateDeviceKeys } from '../../src/keys/device.ts';
import { proofKey } from '../../src/keys/possession.ts';
import { signReceipt } from '../../src/keys/receipt.ts';
import { Flag } from '../../src/media/chunk.ts';
import type { RawViewer } from '../e2e/raw-viewer.ts';
import { until } from '../e2e/relay-process.ts';
import { newest, newestKey, picture, placeOf, SLACK_MS } from './picture.ts';
import { firstKey, Show } from './show.ts';

/** A receipt as a viewer would sign it, but for what is said. */
async function receipt(
  viewer: RawViewer,
  said: { viewing?: string; epoch?: number; key?: Uint8Array; signKey?: CryptoKey } = {},
): Promise<string> {
  const { viewing = viewer.viewing, epoch = newestKey(viewer), signKey = viewer.device.sign.privateKey } = said;
  const key = said.key ?? viewer.keys.get(epoch) ?? new Uint8Array(32);
  return signReceipt({ viewing, epoch, chunks: 0 }, await proofKey(key), signKey);
}

const refusals = (viewer: RawViewer): string[] =>
  viewer.messages.flatMap((message) => (message.type === 'error' ? [message.code] : []));

const confirmed = (viewer: RawViewer): number[] =>
  viewer.messages.flatMap((message) => (message.type === 'confirmed' ? [message.epoch] : []));

/** Sends a receipt that is to be refused, and nothing to come of it. */
async function refused(viewer: RawViewer, what: string, jws: string): Promise<void> {
  const before = refusals(viewer).length;
  viewer.say({ type: 'receipt', jws });
  await until(() => refusals(viewer).length > before || viewer.last('ended'), what);
  expect({ what, refusals: refusals(viewer).slice(before) }).toEqual({ what, refusals: ['receipt-invalid'] });
}

let show: Show;

beforeAll(async () => {
  show = await Show.start();
}, 30_000);

afterAll(() => show.close());

test.concurrent(
  'a receipt that is forged, of another viewer or without the key opens nothing, and is no answer',
  () =>
    show.beside(async (honest) => {
      const forger = await show.asks('forger', { answers: false });
      const epoch = await firstKey(forger);
      const key = forger.keys.get(epoch);
      const payload = decodeJwt(await receipt(forger));
      const sign = (claims: object, header: { alg: string; typ: string }, signKey: CryptoKey | Uint8Array) =>
        new CompactSign(new TextEncoder().encode(JSON.stringify(claims))).setProtectedHeader(header).sign(signKey);
      const typ = 'tollcast-receipt+jws';
      const own = forger.device.sign.privateKey;
      const [head, , signature] = (await receipt(forger, { key: new Uint8Array(32) })).split('.');
      const stranger = await generateDeviceKeys();
      const others = decodeJwt(await receipt(honest, { epoch: newestKey(honest) }));
      const forgeries: [string, string][] = [
        ['without the key', await receipt(forger, { key: crypto.getRandomValues(new Uint8Array(32)) })],
        ['of the last key', await receipt(forger, { key: forger.keys.get(epoch - 1) ?? new Uint8Array(32) })],
        ['signed by another device', await receipt(forger, { signKey: stranger.sign.privateKey })],
        ['of another viewer', await receipt(honest, { epoch: newestKey(honest) })],
        ['for another viewing', await receipt(forger, { viewing: honest.viewing })],
        ['with the proof of another viewer', await sign({ ...payload, proof: others.proof }, { alg: 'ES256', typ }, own)],
        ['of another type', await sign(payload, { alg: 'ES256', typ: 'tollcast-resume+jws' }, own)],
        ['signed with the key that it confirms', await sign(payload, { alg: 'HS256', typ }, key ?? new Uint8Array(32))],
        ['edited', `${head}.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.${signature}`],
        ['signed by nobody', `${Buffer.from(JSON.stringify({ alg: 'none', typ })).toString('base64url')}.${head}.`],
      ];
      for (const [what, jws] of forgeries) await refused(forger, what, jws);
      const { reason } = await until(() => forger.last('ended'), 'its viewing ended');
      expect(reason).toBe('unconfirmed');
      expect(confirmed(forger)).toEqual([]);
      expect([forger.last('ticket'), forger.wire.length]).toEqual([undefined, 0]);
      // Those of the beginning, and none after them.
      expect(forger.keys.size).toBeLessThanOrEqual(2);
      expect(await show.bill('forger')).toBeUndefined();
    }),
  30_000,
);

test.concurrent(
  'a receipt that is replayed confirms neither a later key nor another viewing',
  () =>
    show.beside(async () => {
      const replayer = await show.watches('replayer');
      const epoch = newestKey(replayer);
      replayer.answers = (next) => next <= epoch;
      await until(() => confirmed(replayer).includes(epoch), 'its newest key is confirmed');
      const old = await receipt(replayer, { epoch });
      replayer.say({ type: 'receipt', jws: old });
      await until(() => newestKey(replayer) > epoch, 'the next key');
      for (let times = 0; times < 3; times++) replayer.say({ type: 'receipt', jws: old });
      const { reason } = await until(() => replayer.last('ended'), 'the viewing ended');
      expect(reason).toBe('unconfirmed');
      expect(Math.max(...confirmed(replayer))).toBe(epoch);
      expect(new Set(confirmed(replayer)).size).toBe(confirmed(replayer).length);
      expect(newestKey(replayer)).toBe(epoch + 1);
      expect(Math.max(...replayer.chunks.map((chunk) => chunk.epoch))).toBe(epoch);

      const again = await show.asks('replayer', { answers: false });
      await firstKey(again);
      await refused(again, 'a receipt of the viewing before', old);
      await refused(again, 'and by the device before', await receipt(again, { signKey: replayer.device.sign.privateKey }));
      again.say({ type: 'stop' });
      await until(() => again.last('ended'), 'stopped');
      expect([again.last('confirmed'), again.wire.length]).toEqual([undefined, 0]);

      const { seenMs, freeMs } = picture(replayer, again);
      expect((await show.bill('replayer'))?.viewings).toHaveLength(1);
      expect(seenMs - freeMs).toBeLessThan((await show.billedMs('replayer')) + SLACK_MS);
    }),
  30_000,
);

test.concurrent(
  'a receipt that is early is refused, and spares nobody the answer to the key itself',
  () =>
    show.beside(async () => {
      const early = await show.watches('early');
      const epoch = newestKey(early);
      early.answers = (next) => next <= epoch;
      for (const ahead of [1, 2])
        for (const key of [early.keys.get(epoch), new Uint8Array(32)])
          await refused(early, `${ahead} ahead`, await receipt(early, { epoch: epoch + ahead, ...(key && { key }) }));
      const { reason } = await until(() => early.last('ended'), 'the viewing ended');
      expect(reason).toBe('unconfirmed');
      expect(Math.max(...confirmed(early))).toBe(epoch);
      expect(newestKey(early)).toBe(epoch + 1);
      expect(Math.max(...early.chunks.map((chunk) => chunk.epoch))).toBeLessThanOrEqual(epoch);
      const { seenMs, freeMs } = picture(early);
      expect(seenMs - freeMs).toBeLessThan((await show.billedMs('early')) + SLACK_MS);
    }),
  30_000,
);

test.concurrent(
  'a receipt that is late brings nothing of what was before it',
  () =>
    show.beside(async (honest) => {
      const late = await show.watches('late');
      const first = newestKey(late);
      // It has paid for more than a whole epoch when the next one begins.
      const epoch = await until(() => confirmed(late).find((each) => each > first + 1), 'its third key is confirmed');
      late.answers = (next) => next <= epoch;
      await until(() => newestKey(late) > epoch, 'the next key');
      await until(() => honest.chunks.filter((chunk) => chunk.epoch === epoch + 1).length > 10, 'its epoch is under way');
      const missed = newest(honest);
      expect(late.chunks.filter((chunk) => chunk.epoch > epoch)).toEqual([]);
      late.answers = (next) => next <= epoch + 3;
      await late.confirm(epoch + 1);
      await until(() => confirmed(late).includes(epoch + 1), 'confirmed all the same');
      await until(() => late.chunks.some((chunk) => chunk.epoch > epoch), 'chunks came again');
      late.say({ type: 'stop' });
      await until(() => late.last('ended'), 'stopped');
      const since = late.chunks.filter((chunk) => chunk.epoch > epoch && !(chunk.flags & Flag.preamble));
      expect(Math.min(...since.map(placeOf))).toBeGreaterThan(missed);
      const { seenMs, freeMs } = picture(late);
      expect(seenMs - freeMs).toBeLessThan((await show.billedMs('late')) + SLACK_MS);
    }),
  30_000,
);

test.concurrent(
  'a receipt that is too late finds the viewing over, and no way back into it',
  () =>
    show.beside(async () => {
      const late = await show.watches('too-late');
      const epoch = newestKey(late);
      late.answers = (next) => next <= epoch;
      const { usage } = await until(() => late.last('ended'), 'the viewing ended');
      const tooLate = await receipt(late, { epoch: epoch + 1 });
      await until(() => late.closeCode, 'closed');
      await late.resume();
      expect(await until(() => late.last('error'), 'refused')).toMatchObject({ code: 'resume-invalid', fatal: true });
      const again = await show.asks('too-late', { answers: false });
      await firstKey(again);
      await refused(again, 'a receipt of a viewing that is over', tooLate);
      again.close();
      expect(newestKey(late)).toBe(epoch + 1);
      expect(Math.max(...late.chunks.map((chunk) => chunk.epoch))).toBe(epoch);
      const { seenMs, freeMs } = picture(late, again);
      expect(await show.billedMs('too-late')).toBe(usage.billableMs);
      expect(seenMs - freeMs).toBeLessThan(usage.billableMs + SLACK_MS);
    }),
  30_000,
);
