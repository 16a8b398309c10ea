import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeMessage, MessageType, type RtmpMessage, setChunkSize } from '../../src/ingest/rtmp-message.ts';
import { type ReaderLimits, RtmpReader } from '../../src/ingest/rtmp-reader.ts';
import { announcement } from './peer.ts';

const LIMITS: ReaderLimits = { maxMessageBytes: 1e6, maxUnfinishedBytes: 2e6, maxCommandBytes: 1000, maxChunkStreams: 16 };
const reader = (limits: Partial<ReaderLimits> = {}): RtmpReader => new RtmpReader({ ...LIMITS, ...limits });
const video = (timestampMs: number, payload: Buffer): RtmpMessage => ({
  type: MessageType.video,
  streamId: 1,
  timestampMs,
  payload,
});

/** Adds a number's 24 low bits as a chunk header has them. */
const uint24 = (value: number): Buffer => Buffer.of(value >> 16, (value >> 8) & 255, value & 255);

describe('The reader', () => {
  test('gives the same messages however the bytes are divided, handshake included', () => {
    const messages = [video(1, Buffer.alloc(300, 1)), video(0x1000000, Buffer.alloc(70_000, 2)), video(0x1000028, Buffer.of(3))];
    const stream = Buffer.concat([Buffer.of(3), Buffer.alloc(3072), setChunkSize(65_535), ...messages.map(encodeMessage)]);
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 20 }), (cuts) => {
        const answers: Buffer[] = [];
        const divided = new RtmpReader(LIMITS, (answer) => answers.push(answer));
        const positions = [0, ...cuts.sort((a, b) => a - b), stream.length];
        const read = positions.slice(1).flatMap((end, index) => divided.read(stream.subarray(positions[index], end)));
        expect(read.map(({ payload }) => payload.length)).toEqual([300, 70_000, 1]);
        expect(read.every((message, index) => message.payload.equals(messages[index]?.payload ?? Buffer.alloc(0)))).toBe(true);
        expect(read.map(({ timestampMs }) => timestampMs)).toEqual([1, 0x1000000, 0x1000028]);
        expect(Buffer.concat(answers)).toHaveLength(3073);
      }),
    );
  });

  test('gives each message a buffer of its own', () => {
    const [first, second] = reader().read(Buffer.concat([1, 2].map((fill) => encodeMessage(video(0, Buffer.alloc(100, fill))))));
    expect(first?.payload).toEqual(Buffer.alloc(100, 1));
    expect(second?.payload).toEqual(Buffer.alloc(100, 2));
  });

  test('keeps chunk streams apart whose ids take three bytes', () => {
    const half = (cid: number, fill: number) => Buffer.concat([announcement(cid, 200), Buffer.alloc(128, fill)]);
    const rest = (cid: number, fill: number) =>
      Buffer.concat([Buffer.of(0xc1, (cid - 64) & 255, (cid - 64) >> 8), Buffer.alloc(72, fill)]);
    // With the shift that node-media-server makes, both would be one.
    const [a, b] = [64 + 0x0102, 64 + 0x0201];
    const read = reader().read(Buffer.concat([half(a, 1), half(b, 2), rest(a, 1), rest(b, 2)]));
    expect(read.map(({ payload }) => payload)).toEqual([Buffer.alloc(200, 1), Buffer.alloc(200, 2)]);
  });

  test('goes on after 49 days, when timestamps that are sent as differences pass 32 bits', () => {
    const first = encodeMessage(video(0xfffffff0, Buffer.of(1)));
    const later = (byte: number) => Buffer.concat([Buffer.of(0x85), uint24(40), Buffer.of(byte)]);
    const read = reader().read(Buffer.concat([first, later(2), later(3)]));
    expect(read.map(({ timestampMs }) => timestampMs)).toEqual([0xfffffff0, 24, 64]);
  });

  test('forgets a message that is aborted', () => {
    const abort = encodeMessage({ type: MessageType.abort, streamId: 0, timestampMs: 0, payload: Buffer.of(0, 0, 0, 10) });
    const begun = Buffer.concat([announcement(10, 1e6), Buffer.alloc(128)]);
    const small = reader({ maxUnfinishedBytes: 1e6 + 4 });
    small.read(Buffer.concat([begun, abort, begun, abort]));
    const read = small.read(Buffer.concat([announcement(10, 3), Buffer.of(1, 2, 3)]));
    expect(read.map(({ payload }) => payload)).toEqual([Buffer.of(1, 2, 3)]);
  });

  test('allocates nothing for a message that is larger than allowed', () => {
    expect(() => reader().read(Buffer.concat([announcement(4, 1_000_001), Buffer.of(0)]))).toThrow('1000001 bytes');
    expect(() => reader().read(Buffer.concat([announcement(4, 1001, MessageType.command), Buffer.of(0)]))).toThrow('1001 bytes');
  });

  test('refuses more chunk streams than allowed', () => {
    const all = reader({ maxChunkStreams: 3 });
    const tiny = (cid: number) => Buffer.concat([announcement(cid, 1), Buffer.of(0)]);
    expect(all.read(Buffer.concat([tiny(3), tiny(4), tiny(70)]))).toHaveLength(3);
    expect(() => all.read(tiny(400))).toThrow('more than 3 chunk streams');
  });

  test.each([
    [
      'a message begun within another',
      Buffer.concat([announcement(4, 500), Buffer.alloc(128), announcement(4, 600), Buffer.of(0)]),
    ],
    ['a chunk size changed within a message', Buffer.concat([announcement(4, 500), Buffer.alloc(128), setChunkSize(500)])],
    ['a chunk stream without a header', Buffer.of(0xc4, 0, 0)],
    ['a chunk size without a number', encodeMessage({ type: 1, streamId: 0, timestampMs: 0, payload: Buffer.of(0) })],
    ['an abort without a number', encodeMessage({ type: 2, streamId: 0, timestampMs: 0, payload: Buffer.of(0) })],
  ])('refuses %s', (_, bytes) => {
    expect(() => reader().read(bytes)).toThrow(expect.objectContaining({ code: 'rtmp-malformed' }));
  });

  test('throws, at worst, on any bytes at all, and keeps to its limits', () => {
    const limits = { ...LIMITS, maxMessageBytes: 5000, maxUnfinishedBytes: 9000 };
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 20 }), (reads) => {
        const fuzzed = reader(limits);
        try {
          for (const bytes of reads) fuzzed.read(Buffer.from(bytes));
        } catch {
          // That is what the session closes the socket for.
        }
        const payloads = [...fuzzed.inPackets.values()].map(({ payload }) => payload.length);
        expect(payloads.reduce((sum, length) => sum + length, 0)).toBeLessThanOrEqual(9000);
        expect(payloads.length).toBeLessThanOrEqual(16);
      }),
      { numRuns: 500 },
    );
  });
});
