import { describe, expect, test } from '@jest/globals';
import { encodeCommand, encodeMessage, MessageType, setChunkSize } from '../../src/ingest/rtmp-message.ts';
import { FakeTime } from '../media/fake-time.ts';
import { aacConfiguration, amf0, avcConfiguration, interframe, keyframe, metadata, sound } from '../media/tags.ts';
import { announcement, connectCommand, Peer } from './peer.ts';
import { arrivalsOf, startServer, until } from './server.ts';

const opening = [metadata(0), avcConfiguration(0), aacConfiguration(0), keyframe(0), sound(3), interframe(40)];

/** Each is closed for that reason, whoever sends it. */
const hostilities: Record<string, [code: string, attack: (port: number) => Promise<Peer>]> = {
  'an HTTP request': ['rtmp-malformed', (port) => sending(Peer.connect(port), Buffer.from('GET / HTTP/1.1\r\n\r\n'))],
  'connect without a tcUrl': [
    'rtmp-malformed',
    (port) => sending(Peer.shakeHands(port), encodeCommand(0, 'connect', 1, { app: 'live' })),
  ],
  'connect without an object': ['rtmp-malformed', (port) => sending(Peer.shakeHands(port), encodeCommand(0, 'connect', 1))],
  'connect twice': ['rtmp-malformed', (port) => sending(Peer.shakeHands(port), connectCommand(), connectCommand())],
  'a command that is not AMF': ['rtmp-malformed', (port) => sending(Peer.shakeHands(port), command(Buffer.of(0x7f, 1, 2)))],
  'a command that ends too early': ['rtmp-malformed', (port) => sending(Peer.shakeHands(port), command(Buffer.of(2, 0, 200)))],
  'objects nested 4,000 deep': [
    'rtmp-malformed',
    (port) => sending(Peer.shakeHands(port), command(Buffer.concat([amf0('connect'), amf0(1), nested(4000)]))),
  ],
  'publish before connect': ['rtmp-malformed', (port) => sending(Peer.shakeHands(port), publishCommand('news?key=good'))],
  'media before connect': ['not-publishing', (port) => sending(Peer.shakeHands(port), message(MessageType.video))],
  'media before publish': [
    'not-publishing',
    (port) => sending(Peer.shakeHands(port), connectCommand(), message(MessageType.audio)),
  ],
  'data before publish': [
    'not-publishing',
    (port) => sending(Peer.shakeHands(port), connectCommand(), message(MessageType.data)),
  ],
  'an aggregate before publish': ['not-publishing', (port) => sending(Peer.shakeHands(port), message(MessageType.aggregate))],
  'media after a refused publish': [
    'stream-key',
    async (port) => sending(Peer.publishing(port, 'news?key=bad'), message(MessageType.video), message(MessageType.video)),
  ],
  play: ['play-refused', (port) => sending(Peer.shakeHands(port), connectCommand(), encodeCommand(1, 'play', 3, null, 'news'))],
  'media after play': [
    'play-refused',
    (port) =>
      sending(Peer.shakeHands(port), connectCommand(), encodeCommand(1, 'play', 3, null, 'news'), message(MessageType.video)),
  ],
  'a chunk size of 0': ['rtmp-malformed', (port) => sending(Peer.shakeHands(port), setChunkSize(0))],
  'a chunk size of 4 GB': ['rtmp-malformed', (port) => sending(Peer.shakeHands(port), setChunkSize(0xffffffff))],
  'a message of 16 MB': ['rtmp-limit', (port) => sending(Peer.shakeHands(port), announcement(4, 0xffffff), Buffer.alloc(1))],
  'more bytes than a stranger may send': [
    'rtmp-limit',
    (port) => sending(Peer.shakeHands(port), ...Array<Buffer>(9).fill(message(MessageType.acknowledgement, 8192))),
  ],
  'an empty message of a type that there is not': [
    'rtmp-malformed',
    (port) => sending(Peer.shakeHands(port), Buffer.of(0xc5, 0, 0)),
  ],
};

const sending = async (connecting: Promise<Peer>, ...bytes: Buffer[]): Promise<Peer> => {
  const peer = await connecting;
  peer.send(...bytes);
  return peer;
};
const message = (type: number, length = 32): Buffer =>
  encodeMessage({ type, streamId: 1, timestampMs: 0, payload: Buffer.alloc(length, 0x27) });
const command = (payload: Buffer): Buffer => encodeMessage({ type: MessageType.command, streamId: 0, timestampMs: 0, payload });
const publishCommand = (name: string): Buffer => encodeCommand(1, 'publish', 3, null, name, 'live');
const nested = (depth: number): Buffer => Buffer.concat(Array<Buffer>(depth).fill(Buffer.of(3, 0, 1, 0x61)));

describe('Nobody changes what an authorized publisher sends', () => {
  test.each(Object.entries(hostilities))('not by %s', async (_, [code, attack]) => {
    const server = await startServer();
    const publisher = await (await Peer.publishing(server.port, 'news?key=good')).untilStarted();
    publisher.sendTags(...opening.slice(0, 3));
    const attacker = await attack(server.port);
    await attacker.closed;
    publisher.sendTags(...opening.slice(3));
    const arrived = arrivalsOf(server, 'news');
    await arrived.until(({ tags }) => tags.length >= opening.length);
    expect(arrived.tags).toEqual(opening);
    expect([...server.server.refused]).toEqual([[code, 1]]);
    expect(server.log.filter((line) => line.code === code)).toHaveLength(1);
  });

  test('who plays is told that it may not', async () => {
    const server = await startServer();
    const peer = await sending(Peer.shakeHands(server.port), connectCommand(), encodeCommand(1, 'play', 3, null, 'news'));
    await peer.closed;
    expect(peer.statuses.at(-1)).toBe('NetStream.Play.Failed');
  });
});

describe('What a connection may take is bounded', () => {
  test('messages of 16 MB announced on 256 chunk streams take no memory', async () => {
    const server = await startServer();
    const before = process.memoryUsage();
    const peers = await Promise.all(Array.from({ length: 8 }, () => Peer.publishing(server.port, 'news?key=good')));
    for (const peer of peers) {
      await peer.until(({ statuses }) => statuses.includes('NetStream.Publish.Start'));
      for (let cid = 3; cid < 259; cid++) peer.send(announcement(cid, 0xffffff), Buffer.of(0));
    }
    await Promise.all(peers.map((peer) => peer.closed));
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(64 * 1024 * 1024);
    expect(server.server.refused).toEqual(new Map([['rtmp-limit', 8]]));
  });

  test('messages that a publisher leaves unfinished count together', async () => {
    const server = await startServer({ limits: { maxMessageBytes: 1000, maxUnfinishedBytes: 2500 } });
    const peer = await (await Peer.publishing(server.port, 'news?key=good')).untilStarted();
    peer.send(setChunkSize(100));
    for (const cid of [10, 11, 12]) peer.send(announcement(cid, 1000), Buffer.alloc(100));
    await peer.closed;
    expect(server.server.refused).toEqual(new Map([['rtmp-limit', 1]]));
  });

  test('who has not published in time is closed, at whatever step it waits', async () => {
    const time = new FakeTime();
    const server = await startServer({ time, limits: { handshakeTimeoutMs: 5000 } });
    const silent = await Peer.connect(server.port);
    const halfway = await sending(Peer.connect(server.port), Buffer.alloc(700, 3));
    const connected = await sending(Peer.shakeHands(server.port), connectCommand());
    await connected.until(({ statuses }) => statuses.length > 0);
    await until(() => server.server.connections === 3);
    time.advance(5000);
    await Promise.all([silent.closed, halfway.closed, connected.closed]);
    expect(server.server.refused).toEqual(new Map([['handshake-timeout', 3]]));
  });

  test('an address has so many connections and no more', async () => {
    const server = await startServer({ limits: { maxConnectionsPerAddress: 2 } });
    const [first] = await Promise.all([Peer.connect(server.port), Peer.connect(server.port)]);
    await until(() => server.server.connections === 2);
    await (await Peer.connect(server.port)).closed;
    expect(server.server.refused).toEqual(new Map([['too-many-connections-per-address', 1]]));
    first?.socket.destroy();
    await until(() => server.server.connections === 1);
    await (await Peer.publishing(server.port, 'news?key=good')).untilStarted();
    expect(server.requests).toHaveLength(1);
  });

  test('the server has so many connections and no more', async () => {
    const server = await startServer({ limits: { maxConnections: 1 } });
    await Peer.connect(server.port);
    await until(() => server.server.connections === 1);
    await (await Peer.connect(server.port)).closed;
    expect(server.server.refused).toEqual(new Map([['too-many-connections', 1]]));
  });

  test('who makes the server answer and does not read is closed', async () => {
    const server = await startServer();
    const peer = await (await Peer.publishing(server.port, 'news?key=good')).untilStarted();
    peer.socket.pause();
    const ping = encodeMessage({
      type: MessageType.userControl,
      streamId: 0,
      timestampMs: 0,
      payload: Buffer.of(0, 6, 1, 2, 3, 4),
    });
    const pings = Buffer.concat(Array<Buffer>(4096).fill(ping));
    const arrived = arrivalsOf(server, 'news');
    while (arrived.end === undefined) {
      if (!peer.socket.write(pings)) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(arrived.end).toBe('dropped');
  });
});
