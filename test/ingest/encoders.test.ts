import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { systemClock } from '../../src/clock.ts';
import { Broadcasts } from '../../src/ingest/broadcasts.ts';
import { AUDIO, type FlvTag, type FlvTags, isMetadata, VIDEO } from '../../src/media/flv.ts';
import { msAfter } from '../../src/media/timestamps.ts';
import { ffmpeg } from '../e2e/programs.ts';
import { parseTags } from '../media/tags.ts';
import { cert, key } from './certificate.ts';
import { arrivalsOf, startServer } from './server.ts';

const FLV_HEADER_BYTES = 13;
const describeWithFfmpeg = ffmpeg === undefined ? describe.skip : describe;
const folder = mkdtempSync(join(tmpdir(), 'tollcast-ingest-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A second of picture and sound, or of either. */
function clip(name: string, ...maps: string[]): string {
  const file = join(folder, `${name}.flv`);
  const sources = ['-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=25:duration=1', '-f', 'lavfi', '-i', 'sine=duration=1'];
  const codecs = ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '12', '-pix_fmt', 'yuv420p', '-c:a', 'aac'];
  const { status, stderr } = spawnSync('ffmpeg', ['-v', 'error', '-y', ...sources, ...maps, ...codecs, file], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`ffmpeg made no clip: ${stderr}`);
  return file;
}

/** Runs ffmpeg as an encoder that sends a file, and resolves when it is done. */
function push(file: string, url: string): Promise<{ status: number | null; stderr: string }> {
  const encoder = spawn('ffmpeg', ['-v', 'error', '-i', file, '-c', 'copy', '-f', 'flv', url], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  encoder.stderr.on('data', (text) => {
    stderr += text;
  });
  return new Promise((resolve) => encoder.on('close', (status) => resolve({ status, stderr })));
}

const framesOf = (tags: readonly FlvTag[]): FlvTag[] => tags.filter(({ type }) => type === AUDIO || type === VIDEO);
const framesIn = (file: string): FlvTag[] => framesOf(parseTags(readFileSync(file).subarray(FLV_HEADER_BYTES)));

describeWithFfmpeg('ffmpeg', () => {
  test.each([
    ['picture and sound', []],
    ['sound alone', ['-map', '1:a']],
    ['picture alone', ['-map', '0:v']],
  ])('sends %s, and every frame arrives as it was', async (name, maps) => {
    const server = await startServer();
    const file = clip(name, ...maps);
    expect(await push(file, `rtmp://127.0.0.1:${server.port}/live/news?key=good`)).toEqual({ status: 0, stderr: '' });
    const arrived = arrivalsOf(server, 'news');
    expect(framesOf(arrived.tags)).toEqual(framesIn(file));
    expect(arrived.tags.filter(isMetadata)).toHaveLength(1);
    expect(arrived.end).toBe('unpublished');
  });

  test('sends over TLS', async () => {
    const server = await startServer({ tls: { cert, key } });
    const file = clip('tls');
    expect(await push(file, `rtmps://127.0.0.1:${server.port}/live/news?key=good`)).toEqual({ status: 0, stderr: '' });
    expect(framesOf(arrivalsOf(server, 'news').tags)).toEqual(framesIn(file));
  });

  test('shows what a refused publisher is told, and fails', async () => {
    const server = await startServer();
    const { status, stderr } = await push(clip('refused'), `rtmp://127.0.0.1:${server.port}/live/news?key=bad`);
    expect(status).not.toBe(0);
    expect(stderr).toContain('wrong stream key: use the one shown');
  });

  test('shows where to publish when it connects to another app', async () => {
    const server = await startServer();
    const { status, stderr } = await push(clip('vod'), `rtmp://127.0.0.1:${server.port}/vod/news?key=good`);
    expect(status).not.toBe(0);
    expect(stderr).toContain('rtmp://HOST/live/PROGRAM?key=STREAMKEY');
  });

  test('that was cut off and comes back continues its broadcast without a gap', async () => {
    const tags: FlvTag[] = [];
    const broadcasts = new Broadcasts({
      graceMs: 60_000,
      clock: systemClock(),
      log: pino({ level: 'silent' }),
      verify: () => undefined,
      onBroadcast: (broadcast) => broadcast.tags.on('data', (arrived: FlvTags) => tags.push(...arrived)),
    });
    const server = await startServer({ publish: (request) => broadcasts.publish(request) });
    const file = clip('twice');
    for (let run = 0; run < 2; run++) await push(file, `rtmp://127.0.0.1:${server.port}/live/news`);
    broadcasts.close();
    expect(framesOf(tags)).toHaveLength(2 * framesIn(file).length);
    for (const track of [AUDIO, VIDEO]) {
      const times = tags.filter(({ type, data }) => type === track && data[1] === 1).map(({ timestampMs }) => timestampMs);
      const distances = times.slice(1).map((time, index) => msAfter(time, times[index] ?? 0));
      expect(Math.min(...distances)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...distances)).toBeLessThan(100);
    }
  });
});
