import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import type { Clock, Timers } from '../../src/clock.ts';
import { type PublishProgress, publishFile } from '../../src/ingest/publisher.ts';
import { RtmpClient } from '../../src/ingest/rtmp-client.ts';
import { encodeTag, type FlvTag, flvHeader } from '../../src/media/flv.ts';
import { aacConfiguration, avcConfiguration, interframe, keyframe, metadata, sound } from '../media/tags.ts';
import { cert, key } from './certificate.ts';
import { arrivalsOf, startServer } from './server.ts';

const folder = mkdtempSync(join(tmpdir(), 'tollcast-publisher-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Time that passes as soon as somebody waits for it. */
class HurriedTime implements Pick<Clock, 'nowMs'>, Timers {
  #nowMs = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const pending = setImmediate(() => {
      this.#nowMs += delayMs;
      run();
    });
    return () => clearImmediate(pending);
  }
}

let files = 0;
function fileOf(...parts: Buffer[]): string {
  const file = join(folder, `${files++}.flv`);
  writeFileSync(file, Buffer.concat(parts));
  return file;
}
const clipOf = (...tags: FlvTag[]): string => fileOf(flvHeader({ audio: true, video: true }), ...tags.map(encodeTag));
const urlOf = ({ port }: { port: number }, name = 'news?key=good', scheme = 'rtmp') =>
  `${scheme}://127.0.0.1:${port}/live/${name}`;

const opening = [metadata(0), avcConfiguration(0), aacConfiguration(0)];
const frames = [keyframe(500), sound(510), interframe(540), sound(533), interframe(580)];
const hurried = () => {
  const time = new HurriedTime();
  return { clock: time, timers: time };
};

describe('A file is published', () => {
  test('tag by tag as it is, each at its time', async () => {
    const server = await startServer();
    const { clock, timers } = hurried();
    const progress: (PublishProgress & { readonly atMs: number })[] = [];
    const onProgress = (each: PublishProgress) => progress.push({ ...each, atMs: clock.nowMs() });
    await publishFile(clipOf(...opening, ...frames), urlOf(server), { clock, timers, onProgress });
    expect(arrivalsOf(server, 'news').tags).toEqual([...opening, ...frames]);
    expect(arrivalsOf(server, 'news').end).toBe('unpublished');
    expect(progress.map(({ atMs }) => atMs)).toEqual([0, 10, 40, 80]);
    expect(progress.at(-1)?.sentBytes).toBe([...opening, ...frames].reduce((sum, { data }) => sum + data.length, 0));
  });

  test('over and over on one timeline, until it is stopped', async () => {
    const server = await startServer();
    const stop = new AbortController();
    const onProgress = ({ sentMs }: PublishProgress) => {
      if (sentMs >= 1000) stop.abort();
    };
    const file = clipOf(...opening, keyframe(500), interframe(540), interframe(580));
    await publishFile(file, urlOf(server), { ...hurried(), loop: true, signal: stop.signal, onProgress });
    const times = arrivalsOf(server, 'news')
      .tags.filter(({ data }) => data[1] === 1)
      .map(({ timestampMs }) => timestampMs);
    expect(times).toEqual(times.map((_, index) => 500 + 40 * index));
    expect(times.length).toBeGreaterThan(24);
    expect(arrivalsOf(server, 'news').end).toBe('unpublished');
  });

  test('over TLS, to a server whose certificate it trusts', async () => {
    const server = await startServer({ tls: { cert, key } });
    await publishFile(clipOf(...frames), urlOf(server, 'news?key=good', 'rtmps'), { ...hurried(), ca: cert });
    expect(arrivalsOf(server, 'news').tags).toEqual(frames);
  });

  test('with tags that are larger than a chunk, and times beyond 24 bits', async () => {
    const server = await startServer();
    const tags = [keyframe(0x1000000, 'x'.repeat(300_000)), interframe(0x1000028, 'y'.repeat(65_530))];
    await publishFile(clipOf(...tags), urlOf(server), hurried());
    expect(arrivalsOf(server, 'news').tags.map(({ timestampMs }) => timestampMs)).toEqual([0x1000000, 0x1000028]);
    expect(arrivalsOf(server, 'news').tags.every(({ data }, index) => tags[index]?.data.equals(data))).toBe(true);
  });

  test('no faster than the server takes it', async () => {
    const server = await startServer();
    const client = await RtmpClient.publish(urlOf(server));
    const arrived = arrivalsOf(server, 'news');
    arrived.hasRoom = false;
    const stop = new AbortController();
    let sent = 0;
    const sending = (async () => {
      for (; sent < 64 && !stop.signal.aborted; sent++) await client.send([keyframe(0, 'x'.repeat(1_000_000))], stop.signal);
    })();
    await arrived.until(({ tags }) => tags.length > 0);
    for (let turns = 0; turns < 100; turns++) await new Promise((resolve) => setImmediate(resolve));
    // The kernel's buffers hold a few of them; the rest must not wait in ours.
    expect(sent).toBeLessThan(64);
    stop.abort();
    await sending;
    arrived.hasRoom = true;
    arrived.drain();
    await client.close();
  });
});

describe('A file is not published, and it is said why', () => {
  test.each([
    ['the server refuses', 'publish-refused', 'wrong stream key: use the one shown', 'news?key=bad'],
    ['no program is named', 'publish-refused', 'PROGRAM?key=STREAMKEY', 'a/b?key=good'],
  ])('when %s', async (_, code, message, name) => {
    const server = await startServer();
    await expect(publishFile(clipOf(...frames), urlOf(server, name))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });

  test('when nothing listens there', async () => {
    const server = await startServer();
    await server.close();
    await expect(publishFile(clipOf(...frames), urlOf(server))).rejects.toMatchObject({ code: 'unreachable' });
  });

  test('when what listens there speaks something else', async () => {
    const other = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const port = await new Promise<number>((resolve) => {
      other.listen(0, '127.0.0.1', () => {
        const address = other.address();
        resolve(typeof address === 'object' && address ? address.port : 0);
      });
    });
    await expect(publishFile(clipOf(...frames), urlOf({ port }))).rejects.toMatchObject({ code: 'connection-lost' });
    other.close();
  });

  test('when the certificate is nobody’s that it trusts', async () => {
    const server = await startServer({ tls: { cert, key } });
    const publishing = publishFile(clipOf(...frames), urlOf(server, 'news?key=good', 'rtmps'));
    await expect(publishing).rejects.toMatchObject({ code: 'unreachable', message: expect.stringContaining('certificate') });
  });

  test('when the server ends the broadcast', async () => {
    const server = await startServer();
    const onProgress = () => arrivalsOf(server, 'news').kick({ code: 'program-unknown', message: 'the program was removed' });
    const publishing = publishFile(clipOf(...frames), urlOf(server), { ...hurried(), loop: true, onProgress });
    await expect(publishing).rejects.toMatchObject({
      code: 'publish-refused',
      message: expect.stringContaining('the program was removed'),
    });
  });

  test.each([
    ['is not there', 'file-unreadable', () => join(folder, 'nothing.flv')],
    ['is no FLV', 'not-flv', () => fileOf(Buffer.from('just some text'))],
    ['has no picture and no sound', 'flv-empty', () => clipOf(metadata(0))],
  ])('when the file %s', async (_, code, file) => {
    const server = await startServer();
    await expect(publishFile(file(), urlOf(server), { loop: true })).rejects.toMatchObject({ code });
  });

  test.each(['http://host/live/news', 'rtmp://host', 'rtmp://host/live', 'news'])('when the URL is %s', async (url) => {
    await expect(publishFile(clipOf(...frames), url)).rejects.toMatchObject({ code: 'url-invalid' });
  });
});
