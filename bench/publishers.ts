import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Peer } from '../test/ingest/peer.ts';
import { BITS_PER_SECOND, StampedStream } from './stamped-stream.ts';

/** Started as a process of its own: publishers that are no part of what is measured. */
export interface PublishersOptions {
  readonly port: number;
  /** What each publishes as; of a server that knows no RTMP, only how many there are matters. */
  readonly streams: readonly string[];
  readonly speaks: 'rtmp' | 'bytes';
  /** As cameras do, or as fast as they are read. */
  readonly pace: 'real-time' | 'unpaced';
  readonly bitsPerSecond?: number;
}

/** Sent once all are publishing, and again for each message that it is sent. */
export interface PublishersReport {
  readonly sentBytes: number;
  /** The most that waits unsent for one of them. */
  readonly backlogBytes: number;
  /** The most by which one of them was late to send since the report before, of those that go as cameras do. */
  readonly lateMs: number;
}

/** How often those are looked for whose next message is due. */
const TICK_MS = 4;
/** Unpaced, the same messages are sent again and again: making each would take longer than the server needs for it. */
const BLOCK_MS = 2_000;

async function publish({ port, streams, speaks, pace, bitsPerSecond = BITS_PER_SECOND }: PublishersOptions): Promise<void> {
  const sockets: Socket[] = [];
  let lateMs = 0;
  const sentLate = (ms: number) => {
    lateMs = Math.max(lateMs, ms);
  };
  const publishing = streams.map(async (stream, index) => {
    const socket = speaks === 'rtmp' ? await published(port, stream) : await connected(port);
    sockets.push(socket);
    if (pace === 'unpaced') pour(socket, bitsPerSecond);
    // Not all of them have a picture at the same moment.
    else play(socket, bitsPerSecond, (index * 997) % BLOCK_MS, sentLate);
  });
  await Promise.all(publishing);
  const report = () => {
    const sentBytes = sockets.reduce((sum, { bytesWritten, writableLength }) => sum + bytesWritten - writableLength, 0);
    const backlogBytes = Math.max(...sockets.map(({ writableLength }) => writableLength));
    process.send?.({ sentBytes, backlogBytes, lateMs } satisfies PublishersReport);
    lateMs = 0;
  };
  process.on('message', report);
  process.on('disconnect', () => process.exit());
  report();
}

async function published(port: number, stream: string): Promise<Socket> {
  const peer = await Peer.publishing(port, stream);
  await peer.untilStarted();
  if (peer.socket.closed) throw new Error(`${stream} was refused: ${peer.statuses.at(-1)}`);
  return peer.socket;
}

async function connected(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  return socket;
}

function play(socket: Socket, bitsPerSecond: number, phaseMs: number, sentLate: (ms: number) => void): void {
  const stream = new StampedStream(bitsPerSecond);
  socket.write(stream.opening);
  const beganMs = performance.now() + phaseMs;
  setInterval(() => {
    const nowMs = performance.now() - beganMs;
    if (stream.dueMs <= nowMs) sentLate(nowMs - stream.dueMs);
    while (beganMs + stream.dueMs <= performance.now()) socket.write(stream.next());
  }, TICK_MS);
}

function pour(socket: Socket, bitsPerSecond: number): void {
  const stream = new StampedStream(bitsPerSecond);
  socket.write(stream.opening);
  const messages: Buffer[] = [];
  while (stream.dueMs < BLOCK_MS) messages.push(stream.next());
  const block = Buffer.concat(messages);
  const fill = () => {
    while (socket.write(block));
  };
  socket.on('drain', fill);
  fill();
}

await publish(JSON.parse(process.argv[2] ?? ''));
