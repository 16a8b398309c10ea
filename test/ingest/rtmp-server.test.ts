import { describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { encodeCommand, encodeMessage, MessageType, windowAcknowledgementSize } from '../../src/ingest/rtmp-message.ts';
import { RtmpServer } from '../../src/ingest/rtmp-server.ts';
import { FakeTime } from '../media/fake-time.ts';
import { aacConfiguration, amf0, avcConfiguration, interframe, keyframe, metadata, sound, video } from '../media/tags.ts';
import { connectCommand, Peer } from './peer.ts';
import { Arrivals, arrivalsOf, startServer, until } from './server.ts';

const opening = [metadata(0), avcConfiguration(0), aacConfiguration(0), keyframe(0), sound(3), interframe(40)];

describe('An authorized publisher', () => {
  test('is told so, and its tags arrive as they were sent', async () => {
    const server = await startServer();
    const peer = await (await Peer.publishing(server.port, 'news?key=good')).untilStarted();
    peer.sendTags(...opening);
    const arrived = arrivalsOf(server, 'news');
    await arrived.until(({ tags }) => tags.length === opening.length);
    expect(arrived.tags).toEqual(opening);
    expect(server.requests).toEqual([{ program: 'news', streamKey: 'good', remoteAddress: '127.0.0.1' }]);
  });

  test('hands over in one piece what one read brought', async () => {
    const server = await startServer();
    const peer = await (await Peer.publishing(server.port, 'news?key=good')).untilStarted();
    peer.sendTags(...opening);
    const arrived = arrivalsOf(server, 'news');
    await arrived.until(({ tags }) => tags.length === opening.length);
    expect(arrived.writes).toHaveLength(1);
  });

  test('may send codecs that nobody here has heard of, and they pass through untouched', async () => {
    const server = await startServer();
    const peer = await (await Peer.publishing(server.port, 'news?key=good')).untilStarted();
    const tags = [
      video(0, 0x90, 'hvc1', 'configuration'),
      video(0, 0x91, 'hvc1', 0, 0, 80, 'picture'),
      video(40, 0xa3, 'av01', 'frame'),
      { ...sound(41), data: Buffer.from('\x91Opus-frame', 'latin1') },
    ];
    peer.sendTags(...tags);
    const arrived = arrivalsOf(server, 'news');
    await arrived.until((each) => each.tags.length === tags.length);
    expect(arrived.tags).toEqual(tags);
  });

  test('has its @setDataFrame taken off its metadata', async () => {
    const server = await startServer();
    const peer = await (await Peer.publishing(server.port, 'news?key=good')).untilStarted();
    peer.sendTags({ ...metadata(0), data: Buffer.concat([amf0('@setDataFrame'), metadata(0).data]) });
    const arrived = arrivalsOf(server, 'news');
    await arrived.until(({ tags }) => tags.length === 1);
    expect(arrived.tags).toEqual([metadata(0)]);
  });

  test('may send media with its publish, without waiting for the answer', async () => {
    const decision = Promise.withResolvers<void>();
    const arrived = new Arrivals();
    const server = await startServer({ publish: () => decision.promise.then(() => arrived.accept()) });
    const peer = await Peer.shakeHands(server.port);
    const tagMessages = opening.map(({ type, timestampMs, data }) =>
      encodeMessage({ type, streamId: 1, timestampMs, payload: data }),
    );
    peer.send(connectCommand(), encodeCommand(1, 'publish', 3, null, 'news?key=good', 'live'), ...tagMessages);
    await peer.until(({ statuses }) => statuses.includes('NetConnection.Connect.Success'));
    decision.resolve();
    await arrived.until(({ tags }) => tags.length === opening.length);
    expect(arrived.tags).toEqual(opening);
  });

  test('is not read while it is being decided on', async () => {
    const decision = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const arrived = new Arrivals();
    const server = await startServer({
      publish: () => {
        asked.resolve();
        return decision.promise.then(() => arrived.accept());
      },
    });
    const peer = await Peer.publishing(server.port, 'news?key=good');
    await asked.promise;
    // More than a stranger may send.
    peer.sendTags(keyframe(0, 'x'.repeat(300_000)));
    for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve));
    decision.resolve();
    await arrived.until(({ tags }) => tags.length === 1);
    expect(arrived.tags[0]?.data).toHaveLength(300_005);
  });

  test.each([
    ['FCUnpublish', 'news'],
    ['deleteStream', 1],
  ])('that says %s has unpublished', async (name, argument) => {
    const server = await startServer();
    const peer = await (await Peer.publishing(server.port, 'news?key=good')).untilStarted();
    peer.send(encodeCommand(1, name, 4, null, argument));
    await peer.closed;
    expect(peer.statuses.at(-1)).toBe('NetStream.Unpublish.Success');
    expect(arrivalsOf(server, 'news').end).toBe('unpublished');
  });

  test('whose connection is lost has dropped', async () => {
    const server = await startServer();
    const peer = await (await Peer.publishing(server.port, 'news?key=good')).untilStarted();
    peer.socket.resetAndDestroy();
    const arrived = arrivalsOf(server, 'news');
    await arrived.until(({ end }) => end !== undefined);
    expect(arrived.end).toBe('dropped');
  });

  test('is not read while the sink has no room, and loses nothing by that', async () => {
    const server = await startServer();
    const peer = await (await Peer.publishing(server.port, 'news?key=good')).untilStarted();
    const arrived = arrivalsOf(server, 'news');
    arrived.hasRoom = false;
    const frames = Array.from({ length: 256 }, (_, index) => interframe(index, 'x'.repeat(60_000)));
    for (const frame of frames) peer.sendTags(frame);
    await arrived.until(({ tags }) => tags.length > 0);
    // 15 MB are more than the kernel's buffers take, so they stay with the sender.
    await until(() => peer.socket.writableLength > 0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(arrived.writes).toHaveLength(1);
    arrived.hasRoom = true;
    arrived.drain();
    await arrived.until(({ tags }) => tags.length === frames.length);
    expect(frames.every((frame, index) => arrived.tags[index]?.data.equals(frame.data))).toBe(true);
  });

  test('gets an acknowledgement for each window that it sets', async () => {
    const server = await startServer();
    const peer = await (await Peer.publishing(server.port, 'news?key=good')).untilStarted();
    peer.send(windowAcknowledgementSize(1000));
    peer.sendTags(interframe(0, 'x'.repeat(2000)));
    await peer.until(({ messages }) => messages.some(({ type }) => type === MessageType.acknowledgement));
    const [acknowledged] = peer.messages.filter(({ type }) => type === MessageType.acknowledgement);
    expect(acknowledged?.payload.readUInt32BE()).toBeGreaterThan(3073);
  });

  test('is answered its ping', async () => {
    const server = await startServer();
    const peer = await (await Peer.publishing(server.port, 'news?key=good')).untilStarted();
    const payload = Buffer.of(0, 6, 1, 2, 3, 4);
    peer.send(encodeMessage({ type: MessageType.userControl, streamId: 0, timestampMs: 0, payload }));
    const isPong = ({ payload: answer }: { payload: Buffer }) => answer.equals(Buffer.of(0, 7, 1, 2, 3, 4));
    await peer.until(({ messages }) => messages.some(isPong));
    expect(peer.messages.filter(isPong)).toHaveLength(1);
  });

  test('is told why when it is cut off', async () => {
    const server = await startServer();
    const peer = await (await Peer.publishing(server.port, 'news?key=good')).untilStarted();
    arrivalsOf(server, 'news').kick({ code: 'program-unknown', message: 'the program was removed' });
    await peer.closed;
    expect(peer.commands.at(-1)?.values[1]).toEqual({
      level: 'error',
      code: 'NetStream.Publish.BadName',
      description: 'the program was removed',
    });
  });

  test('is cut off when it has sent nothing for the time allowed', async () => {
    const time = new FakeTime();
    const server = await startServer({ time, limits: { idleTimeoutMs: 10_000 } });
    const peer = await (await Peer.publishing(server.port, 'news?key=good')).untilStarted();
    const arrived = arrivalsOf(server, 'news');
    time.advance(9_000);
    peer.sendTags(keyframe(0));
    await arrived.until(({ tags }) => tags.length === 1);
    time.advance(9_000);
    expect(arrived.end).toBeUndefined();
    time.advance(1_000);
    expect(arrived.end).toBe('dropped');
    await peer.closed;
    expect(server.server.refused).toEqual(new Map([['idle-timeout', 1]]));
  });

  test('is not cut off while it is the server that does not read', async () => {
    const time = new FakeTime();
    const server = await startServer({ time, limits: { idleTimeoutMs: 10_000 } });
    const peer = await (await Peer.publishing(server.port, 'news?key=good')).untilStarted();
    const arrived = arrivalsOf(server, 'news');
    arrived.hasRoom = false;
    peer.sendTags(keyframe(0));
    await arrived.until(({ tags }) => tags.length === 1);
    time.advance(60_000);
    expect(arrived.end).toBeUndefined();
    arrived.drain();
    time.advance(10_000);
    expect(arrived.end).toBe('dropped');
  });
});

describe('A publisher that is refused', () => {
  test('gets an error status that says what to do, and the log a line with the reason', async () => {
    const server = await startServer();
    const peer = await Peer.publishing(server.port, 'news?key=bad');
    await peer.closed;
    expect(peer.commands.at(-1)?.values[1]).toEqual({
      level: 'error',
      code: 'NetStream.Publish.Denied',
      description: 'wrong stream key: use the one shown',
    });
    expect(server.log).toContainEqual(expect.objectContaining({ code: 'stream-key', program: 'news' }));
    expect(JSON.stringify(server.log)).not.toContain('bad');
    expect(server.server.refused.get('stream-key')).toBe(1);
  });

  test('is told so too when the decision fails', async () => {
    const server = await startServer({ publish: () => Promise.reject(new Error('the disk is gone')) });
    const peer = await Peer.publishing(server.port, 'news?key=good');
    await peer.closed;
    expect(peer.statuses.at(-1)).toBe('NetStream.Failed');
  });

  test('reads where to publish if it connects to another app', async () => {
    const server = await startServer();
    const peer = await Peer.publishing(server.port, 'news?key=good', 'vod');
    await peer.closed;
    expect(peer.commands.at(-1)?.values[1]).toMatchObject({ code: 'NetConnection.Connect.InvalidApp' });
    expect(server.requests).toEqual([]);
  });

  test('leaves its sink at once if it is gone when the decision comes', async () => {
    const decision = Promise.withResolvers<void>();
    const arrived = new Arrivals();
    const server = await startServer({
      publish: () => decision.promise.then(() => arrived.accept()),
      limits: { handshakeTimeoutMs: 50 },
    });
    const peer = await Peer.publishing(server.port, 'news?key=good');
    await peer.closed;
    decision.resolve();
    await arrived.until(({ end }) => end === 'dropped');
    expect(arrived.writes).toEqual([]);
  });
});

describe('The server', () => {
  test('says which port is in use', async () => {
    const server = await startServer();
    const second = new RtmpServer({ ...unused, port: server.port });
    await expect(second.listen()).rejects.toMatchObject({
      code: 'port-in-use',
      message: expect.stringContaining(`${server.port}`),
    });
  });

  test('says which address is not its machine’s', async () => {
    await expect(new RtmpServer({ ...unused, host: '192.0.2.1' }).listen()).rejects.toMatchObject({
      code: 'address-unavailable',
    });
  });

  test('tells its publishers that it is closed, and is', async () => {
    const server = await startServer();
    const peer = await (await Peer.publishing(server.port, 'news?key=good')).untilStarted();
    await server.close();
    await peer.closed;
    expect(peer.statuses.at(-1)).toBe('NetStream.Failed');
    expect(arrivalsOf(server, 'news').end).toBe('dropped');
    await until(() => server.server.connections === 0);
  });

  test('counts what it received', async () => {
    const server = await startServer();
    const peer = await (await Peer.publishing(server.port, 'news?key=good')).untilStarted();
    const sentBytes = peer.socket.bytesWritten;
    peer.socket.destroy();
    await until(() => server.server.connections === 0);
    expect(server.server.bytesIn).toBe(sentBytes);
  });
});

const unused = {
  host: '127.0.0.1',
  port: 0,
  log: pino({ level: 'silent' }),
  clock: new FakeTime(),
  publish: () => new Arrivals().accept(),
};
