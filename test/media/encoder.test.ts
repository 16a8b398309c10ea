import { execFileSync, spawnSync } from 'node:child_process';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, test } from '@jest/globals';
import { Flag, type SealedChunk } from '../../src/media/chunk.ts';
import { Chunker } from '../../src/media/chunker.ts';
import { FLV_HEADER_BYTES, type FlvTag } from '../../src/media/flv.ts';
import { KeyframeCache } from '../../src/media/keyframe-cache.ts';
import { Sealer } from '../../src/media/sealer.ts';
import { FakeTime } from './fake-time.ts';
import { offerOf, open } from './sealed.ts';
import { parseTags } from './tags.ts';

const FRAMES = 50;
const ffmpeg = (args: string, input?: Buffer): Buffer =>
  execFileSync('ffmpeg', ['-v', 'error', ...args.split(' ')], { maxBuffer: 2 ** 26, ...(input && { input }) });

const picture = '-f lavfi -i testsrc2=s=160x90:r=25:d=2 -f lavfi -i sine=d=2';
const clips = {
  'H.264 and AAC': ffmpeg(`${picture} -c:v libx264 -g 12 -preset ultrafast -c:a aac -f flv -`),
  'H.264 alone': ffmpeg(`${picture} -map 0:v -c:v libx264 -g 12 -bf 2 -f flv -`),
  'AAC alone': ffmpeg(`${picture} -map 1:a -c:a aac -f flv -`),
} as const;

/** What ffmpeg decodes of an FLV: a checksum for each frame. Throws if it finds any fault. */
function decoded(flv: Buffer): string {
  const run = spawnSync('ffmpeg', '-v warning -xerror -f flv -i - -f framemd5 -'.split(' '), { input: flv, maxBuffer: 2 ** 26 });
  if (run.stderr.length > 0) throw new Error(run.stderr.toString());
  return run.stdout.toString();
}

/** The whole media path as streams, with an epoch every 400 ms of the timeline. */
async function sealedOf(flv: Buffer): Promise<SealedChunk[]> {
  const tags = parseTags(flv.subarray(FLV_HEADER_BYTES));
  const time = new FakeTime();
  const reads = function* (): Generator<FlvTag[]> {
    for (const tag of tags) {
      time.advance(Math.max(0, tag.timestampMs - time.nowMs()));
      yield [tag];
    }
  };
  const sealer = new Sealer({
    clock: time,
    timers: time,
    onBegan: ({ epoch, atMs }) => sealer.offer(offerOf(epoch + 1, { notBeforeMs: atMs + 400, notAfterMs: atMs + 500 })),
  });
  sealer.offer(offerOf(1));
  const sealed: SealedChunk[] = [];
  const sink = new Writable({
    objectMode: true,
    write(chunk: SealedChunk, _, done) {
      sealed.push(chunk);
      done();
    },
  });
  await pipeline(Readable.from(reads(), { highWaterMark: 1 }), new Chunker(), sealer, sink);
  return sealed;
}

/** An FLV file of chunks: of all preambles only the first, since here they are the same. */
function flvOf(chunks: Iterable<SealedChunk>): Buffer {
  const opened = [...chunks].filter(({ flags }) => !(flags & Flag.forJoiners)).map(open);
  return Buffer.concat(
    opened.filter(({ flags }, index) => index === 0 || !(flags & Flag.preamble)).map(({ plaintext }) => plaintext),
  );
}

describe('what an encoder sends', () => {
  test.each(Object.entries(clips))('is decoded the same after it was sealed in several epochs: %s', async (_, flv) => {
    const sealed = await sealedOf(flv);
    expect(new Set(sealed.map(({ epoch }) => epoch)).size).toBeGreaterThan(2);
    expect(decoded(flvOf(sealed))).toBe(decoded(flv));
  });

  test('is decoded from the last keyframe on by one who joins', async () => {
    const sealed = await sealedOf(clips['H.264 and AAC']);
    const cache = new KeyframeCache<SealedChunk>(new FakeTime());
    for (const chunk of sealed) cache.add(chunk);
    const frames = decoded(flvOf(cache))
      .split('\n')
      .filter((line) => line.startsWith('0,'));
    expect(frames).toHaveLength(FRAMES % 12);
  });
});
