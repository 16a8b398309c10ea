import { statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { Flag } from '../../src/media/chunk.ts';
import { encodeHeader } from '../../src/sframe/header.ts';
import { lightClip, publish, videoPackets } from './clip.ts';
import { PROGRAM } from './deployment.ts';
import { foundInMemory, memoryIsReadable, textForms } from './process-memory.ts';
import { ffmpeg, natsServer } from './programs.ts';
import { finished, startTollcast, tollcast, until } from './relay-process.ts';

import { staged } from './stage.ts';

const VIEWERS = 20;
const WINDOW_MS = 20_000;
const PERIOD_MS = 4_000;
const AWAY_MS = 30_000;

(ffmpeg === undefined || natsServer === undefined ? describe.skip : describe)('billing server and facility apart', () => {
  test(
    'the billing server carries no media: a few KB a minute for each viewer; the facility knows nothing of viewers',
    staged('split', { counted: true, clip: lightClip }, async (stage) => {
      const { deployment } = stage;
      const viewers = await Promise.all(Array.from({ length: VIEWERS }, (_, at) => stage.watch(`subscriber-${at}`)));
      const bytes = () => ['http', 'authority'].reduce((sum, name) => sum + (deployment.proxies.get(name)?.bytes ?? 0), 0);
      const media = () => viewers.reduce((sum, { wire }) => sum + wire.reduce((all, { length }) => all + length, 0), 0);
      const before = { bytes: bytes(), media: media() };
      await pause(WINDOW_MS);
      const perViewerMinute = 60_000 / WINDOW_MS / VIEWERS;
      const authorityKb = ((bytes() - before.bytes) * perViewerMinute) / 1_000;
      const mediaKb = ((media() - before.media) * perViewerMinute) / 1_000;
      process.stderr.write(
        `a minute of one viewer: ${authorityKb.toFixed(1)} KB at the authority, ${mediaKb.toFixed(0)} KB of media\n`,
      );
      expect(mediaKb).toBeGreaterThan(1_000);
      expect(authorityKb).toBeLessThan(20);

      if (!memoryIsReadable) return;
      const personal = viewers.flatMap(({ viewing, token }) => [viewing, token]).concat('subscriber-');
      const needles = personal.flatMap(textForms);
      expect(foundInMemory(deployment.process('authority').pid, needles).length).toBeGreaterThan(VIEWERS);
      expect(foundInMemory(deployment.process('encryptor').pid, needles).map(String)).toEqual([]);
    }),
    120_000,
  );

  test(
    'the billing server away for 30 s: the picture lasts as long as its keys, then viewers watch anew, as one charge',
    staged('split', { keys: { periodMs: PERIOD_MS }, clip: lightClip }, async (stage) => {
      const { deployment, scratch } = stage;
      const names = ['alice', 'bob'];
      const views = await Promise.all(
        names.map(async (viewer) => {
          const out = scratch.file(`${viewer}.flv`);
          const token = await stage.token(viewer);
          const child = stage.child(
            startTollcast('view', deployment.httpUrl, '--program', PROGRAM, '--token', token, '--out', out, '--json'),
          );
          return { child, out, ended: finished(child) };
        }),
      );
      const sizes = () => views.map(({ out }) => statSync(out, { throwIfNoEntry: false })?.size ?? 0);
      await until(() => sizes().every((size) => size > 200_000), 'everybody watches');

      await deployment.process('authority').kill();
      const killedMs = Date.now();
      const atKill = sizes();
      await pause(PERIOD_MS / 4);
      expect(sizes().every((size, at) => size > (atKill[at] ?? 0))).toBe(true);
      // The current epoch's rest and, where its key was confirmed already, the next one.
      await pause(2.5 * PERIOD_MS);
      const dry = sizes();
      await pause(killedMs + AWAY_MS - Date.now());
      expect(sizes()).toEqual(dry);
      expect(views.map(({ child }) => child.exitCode)).toEqual([null, null]);

      await deployment.startPart('authority');
      const backMs = Date.now();
      await until(() => sizes().every((size, at) => size > (dry[at] ?? 0) + 200_000), 'everybody watches again', 30_000);
      process.stderr.write(`watching again ${Date.now() - backMs} ms after the billing server was back\n`);
      for (const { child } of views) child.kill('SIGINT');
      const told = await Promise.all(views.map(async ({ ended }) => JSON.parse((await ended).stdout)));

      const charges = await deployment.charges();
      expect(charges.map(({ viewer, viewings }) => [viewer, ...viewings.map(({ endedBy }) => endedBy)])).toEqual(
        names.map((viewer) => [viewer, 'interrupted', 'stopped']),
      );
      expect(told.map(({ viewings }) => viewings.length)).toEqual([2, 2]);
      for (const { viewings } of charges) {
        const [lost, again] = viewings;
        // No receipt covers what comes after the last key that was confirmed.
        expect(Date.parse(lost?.endedAt ?? '')).toBeLessThan(killedMs + 2 * PERIOD_MS);
        expect(lost?.billableMs).toBeLessThanOrEqual(Date.parse(lost?.endedAt ?? '') - Date.parse(lost?.startedAt ?? ''));
        expect(Date.parse(again?.startedAt ?? '')).toBeGreaterThan(killedMs + AWAY_MS);
      }
      // One stream, whose frames are the broadcaster's in their order, with a gap.
      const sent = videoPackets(lightClip());
      for (const { out } of views) {
        const positions = videoPackets(out).map((hash) => sent.indexOf(hash));
        expect(positions).not.toContain(-1);
        expect(positions).toEqual([...positions].sort((a, b) => a - b));
      }
      expect(await tollcast('ledger', 'verify', '--data', deployment.data)).toMatchObject({ code: 0 });
    }),
    120_000,
  );

  test(
    'the facility killed and started again: epochs go on under new numbers, and viewings go on',
    staged('split', { keys: { periodMs: PERIOD_MS }, clip: lightClip }, async (stage) => {
      const { deployment } = stage;
      const viewer = await stage.watch('alice');
      await deployment.process('encryptor').kill();
      await until(() => viewer.last('media')?.state === 'away', 'the viewer is told');
      const before = Math.max(...viewer.keys.keys());
      await deployment.startPart('encryptor');
      stage.child(publish(lightClip(), deployment.publishUrl));
      const again = await until(() => viewer.chunks.find(({ epoch }) => epoch > before), 'chunks of a new epoch');
      expect(again.counter).toBe(0);
      expect(viewer.open(again).length).toBeGreaterThan(0);
      const confirmed = new Set(viewer.messages.flatMap((message) => (message.type === 'confirmed' ? [message.epoch] : [])));
      for (const { epoch } of viewer.chunks) expect(confirmed).toContain(epoch);
      await pause(PERIOD_MS);
      viewer.say({ type: 'stop' });
      await until(() => viewer.last('ended'), 'stopped');
      const [charge, ...others] = await deployment.charges();
      expect(others).toEqual([]);
      expect(charge?.viewings).toMatchObject([{ endedBy: 'stopped' }]);
    }),
    60_000,
  );

  test(
    'whoever has the credentials of a facility that was revoked can show viewers nothing more',
    staged('split', { keys: { periodMs: PERIOD_MS }, clip: lightClip }, async (stage) => {
      const { deployment } = stage;
      const viewer = await stage.watch('alice');
      const thief = await deployment.nats?.connect('encryptor-studio');
      const revoked = await tollcast('credentials', 'encryptor', 'revoke', 'studio', '--data', deployment.data);
      expect(revoked).toMatchObject({ code: 0 });
      await until(() => viewer.last('media')?.state === 'away', 'the viewer is told');
      await pause(500);
      const last = viewer.chunks.at(-1);
      const shown = viewer.chunks.length;
      if (last === undefined || thief === undefined) throw new Error('nothing to forge from');
      for (let more = 1; more <= 20; more++) {
        const sframe = Buffer.concat([encodeHeader(last.epoch, last.counter + more), Buffer.alloc(1_000)]);
        thief.publish(`tollcast.chunks.${PROGRAM}`, Buffer.concat([Buffer.of(Flag.keyframe), sframe]));
      }
      await thief.flush();
      await pause(1_000);
      expect(viewer.chunks.length).toBe(shown);
      await thief.close();
      expect(viewer.last('ended')).toBeUndefined();
    }),
    60_000,
  );
});
