import type { ChildProcess } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { newSecret } from '../../src/keys/secret-proof.ts';
import { lightClip, publish } from './clip.ts';
import { PROGRAM } from './deployment.ts';
import { ffmpeg, natsServer } from './programs.ts';
import { finished, Scratch, startTollcast, tollcast, until } from './relay-process.ts';
import { type Stage, staged } from './stage.ts';

const PERIOD_MS = 3_000;

/** Somebody who watches with `tollcast view`, as one charge whatever happens. */
async function view(stage: Stage, viewer: string) {
  const { deployment, scratch } = stage;
  const out = scratch.file(`${viewer}.flv`);
  const token = await deployment.viewerToken(PROGRAM, viewer);
  const process = startTollcast('view', deployment.httpUrl, '--program', PROGRAM, '--token', token, '--out', out, '--json');
  stage.child(process);
  const ended = finished(process);
  const size = () => statSync(out, { throwIfNoEntry: false })?.size ?? 0;
  return {
    async goesOn(what: string): Promise<void> {
      const from = size();
      await until(() => size() > from + 50_000, what, 40_000);
    },
    async stop(): Promise<void> {
      process.kill('SIGINT');
      await ended;
    },
  };
}

(ffmpeg === undefined || natsServer === undefined ? describe.skip : describe)('billing server and facility apart', () => {
  test(
    'both killed at once, and started again: viewers watch on, as one charge',
    staged('split', { keys: { periodMs: PERIOD_MS }, clip: lightClip }, async (stage) => {
      const { deployment } = stage;
      const alice = await view(stage, 'alice');
      await alice.goesOn('the picture');
      await Promise.all(['authority', 'encryptor'].map((name) => deployment.process(name).kill()));
      await deployment.startPart('encryptor');
      await deployment.startPart('authority');
      stage.child(publish(lightClip(), deployment.publishUrl));
      await alice.goesOn('the picture is back');
      await alice.stop();
      const charges = await deployment.charges();
      expect(charges.map(({ viewings }) => viewings.map(({ endedBy }) => endedBy))).toEqual([['interrupted', 'stopped']]);
    }),
    120_000,
  );

  test(
    'a broadcaster that is cut off every few seconds: epochs go on, in one viewing',
    staged('split', { keys: { periodMs: PERIOD_MS }, clip: lightClip }, async (stage) => {
      const { deployment } = stage;
      const alice = await view(stage, 'alice');
      await alice.goesOn('the picture');
      let broadcaster: ChildProcess | undefined;
      await deployment.process('encryptor').kill();
      await deployment.startPart('encryptor');
      for (const afterMs of [300, 900, 1_500, 2_100, 2_700]) {
        broadcaster?.kill('SIGKILL');
        broadcaster = stage.child(publish(lightClip(), deployment.publishUrl));
        await alice.goesOn(`the picture before ${afterMs} ms more`);
        await new Promise((resolve) => setTimeout(resolve, afterMs));
      }
      await new Promise((resolve) => setTimeout(resolve, 2 * PERIOD_MS));
      await alice.goesOn('epochs go on');
      await alice.stop();
      expect((await deployment.charges()).map(({ viewings }) => viewings.length)).toEqual([1]);
    }),
    120_000,
  );

  test(
    'a facility that was revoked is not ready, and refuses broadcasters with the reason',
    staged('split', { clip: lightClip }, async ({ deployment }) => {
      const operators = deployment.process('encryptor').url('operators');
      const get = async (path: string) => {
        const answer = await fetch(`${operators}${path}`);
        return { status: answer.status, text: await answer.text() };
      };
      expect(await get('/readyz')).toMatchObject({ status: 200 });
      expect((await get('/metrics')).text).toContain('tollcast_authority_connected 1');
      await tollcast('credentials', 'encryptor', 'revoke', 'studio', '--data', deployment.data);
      await until(async () => (await get('/readyz')).status === 503, 'it is not ready');
      expect((await get('/readyz')).text).toContain('the authority refuses this facility');
      expect((await get('/metrics')).text).toContain('tollcast_authority_connected 0');
      const refused = await tollcast('publish', lightClip(), deployment.publishUrl);
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('the authority refuses this facility') });
      expect(deployment.process('encryptor').log).toContain('"reason":"revoked"');
    }),
    60_000,
  );
});

describe('an encryptor that is set up wrongly says so in one line and ends with 2:', () => {
  const nats = { servers: ['nats://127.0.0.1:1'], seedFiles: { encryptor: 'none' } };

  test.each([
    ['an empty secret file', '', 'wss://video.example', /authority\.secretFile: \S+ is empty/],
    ['a file with something else', 'studio', 'wss://video.example', /authority\.secretFile: \S+ holds no secret/],
    ['an address of pages', newSecret(), 'http://video.example', /authority\.url: must begin with ws:\/\/ or wss:\/\//],
  ])('%s', async (_what, secret, url, said) => {
    using scratch = new Scratch();
    const secretFile = scratch.file('secret');
    writeFileSync(secretFile, secret);
    const file = scratch.file('encryptor.yaml');
    writeFileSync(file, JSON.stringify({ authority: { url, encryptor: 'studio', secretFile }, nats, http: { port: 0 } }));
    const { code, stderr } = await tollcast('encryptor', '--config', file);
    expect(stderr).toMatch(said);
    expect(stderr.trimEnd()).not.toContain('\n');
    expect(code).toBe(2);
  });
});
