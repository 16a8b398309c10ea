import type { ChildProcess } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { decodingErrors, longGroupsClip, packets, publish, soundClip } from './clip.ts';
import { ffmpeg } from './programs.ts';
import { RelayProcess, Scratch, tollcast, until } from './relay-process.ts';

(ffmpeg === undefined ? describe.skip : describe)('a broadcast', () => {
  let scratch: Scratch;
  let relay: RelayProcess;
  let broadcaster: ChildProcess | undefined;

  beforeEach(async () => {
    scratch = new Scratch();
    relay = await RelayProcess.start(scratch, { keys: { periodMs: 2_000 }, log: { level: 'debug' } });
  });

  afterEach(async () => {
    broadcaster?.kill('SIGKILL');
    await relay.stop();
    scratch[Symbol.dispose]();
  });

  test.each([
    ['with B-frames and long groups of pictures changes its epochs without a keyframe', longGroupsClip, ['v', 'a'], true],
    ['of sound alone changes its epochs on time', soundClip, ['a'], false],
  ] as const)(
    '%s, and no viewer loses a frame',
    async (_, file, streams, forced) => {
      const { publishUrl } = await relay.addProgram('news');
      broadcaster = publish(file(), publishUrl);
      await until(() => relay.isLive(), 'the program is live');
      // A viewer that joins in the middle of a group of pictures whose key has changed since.
      await until(() => relay.log.match(/"epoch began"/g)?.length === 2, 'the second epoch');
      const out = scratch.file('view.flv');
      const token = await relay.viewerToken('news', 'alice');
      const viewed = await tollcast('view', relay.httpUrl, '--program', 'news', '--token', token, '--seconds', '8', '--out', out);
      expect(viewed).toMatchObject({ code: 0 });
      expect(decodingErrors(out)).toBe('');
      for (const stream of streams) {
        const [got, sent] = [packets(out, stream), packets(file(), stream)];
        expect(got.length).toBeGreaterThan(7 * 25);
        expect(sent.join().includes(got.join())).toBe(true);
      }
      expect(relay.log.includes('"forced":true')).toBe(forced);
    },
    60_000,
  );
});
