import { expect, test } from '@jest/globals';
import Rtmp from 'node-media-server/src/protocol/rtmp.js';
import { ChunkParser } from '../../src/ingest/chunk-parser.ts';

/** Set by Rtmp's constructor, and not read by its parser: an FLV parser, what is sent, what is called in its own session. */
const UNUSED = ['flv', 'outChunkSize', 'streams', 'onConnectCallback', 'onPlayCallback', 'onPushCallback', 'onPacketCallback'];
/** The parser sets it before it reads it. */
const LATER = ['parserPacket'];

test('has what the constructor that it goes without sets', () => {
  const own = new Rtmp() as unknown as Record<string, unknown>;
  const ours = new ChunkParser() as unknown as Record<string, unknown>;
  expect(Object.keys(ours).sort()).toEqual(
    Object.keys(own)
      .filter((name) => ![...UNUSED, ...LATER].includes(name))
      .sort(),
  );
  for (const [name, value] of Object.entries(ours)) {
    if (typeof value !== 'function') expect([name, value]).toEqual([name, own[name]]);
  }
  expect(ours).toBeInstanceOf(Rtmp);
});

test('takes little memory for one that says nothing', () => {
  const before = process.memoryUsage().arrayBuffers;
  const parsers = Array.from({ length: 100 }, () => new ChunkParser());
  expect((process.memoryUsage().arrayBuffers - before) / parsers.length).toBeLessThan(8 * 1024);
});
