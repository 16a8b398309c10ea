import { MessageType, type RtmpMessage } from '../../../src/ingest/rtmp-message.ts';
import { AUDIO, encodeTag, type FlvTag, VIDEO } from '../../../src/media/flv.ts';
import { aacConfiguration, avcConfiguration, interframe, keyframe, metadata, sound } from '../../media/tags.ts';
import type { Random } from '../../sim/random.ts';
import { AMF_NULL, type Amf0, absurdAmf, amfNumber, amfObject, amfString, amfValue } from './amf0-grammar.ts';
import { edgeNumber, mutated, randomBytes, uint } from './bytes.ts';
import { basicHeader } from './chunk-writer.ts';

/** What a connection sends, one after another: a message on a chunk stream, or bytes as they are. */
export type Step = { readonly cid: number; readonly message: RtmpMessage } | Buffer;

const message = (cid: number, type: number, payload: Buffer, streamId = 0, timestampMs = 0): Step => ({
  cid,
  message: { type, streamId, timestampMs, payload },
});

const command = (name: string, transaction: number, values: readonly Amf0[], streamId = 0): Step =>
  message(
    3,
    MessageType.command,
    Buffer.concat([amfString(name), amfNumber(transaction), ...values].map(({ bytes }) => bytes)),
    streamId,
  );

const mediaStep = ({ type, timestampMs, data }: FlvTag): Step => message(type === VIDEO ? 6 : 4, type, data, 1, timestampMs);

const connect = (random: Random, app = 'live'): Step =>
  command('connect', 1, [
    amfObject({
      app: amfString(app),
      tcUrl: amfString(`rtmp://localhost/${app}`),
      ...(random.chance(0.3) && { fourCcList: amfValue(random), type: amfString('nonprivate'), capsEx: amfNumber(15) }),
    }),
  ]);

const publish = (streamName: string): Step => command('publish', 5, [AMF_NULL, amfString(streamName), amfString('live')], 1);

/** A publisher's whole session, as encoders send it, by the URL that it was given. */
export function wholeSession(random: Random, streamName: string): Step[] {
  const steps = [connect(random)];
  if (random.chance(0.5)) steps.unshift(message(2, MessageType.setChunkSize, uint(random.pick([128, 4096, 65_536]), 4)));
  if (random.chance(0.5)) steps.push(message(2, MessageType.windowAcknowledgementSize, uint(random.pick([500, 5_000_000]), 4)));
  if (random.chance(0.7)) {
    for (const name of ['releaseStream', 'FCPublish']) steps.push(command(name, 2, [AMF_NULL, amfString(streamName)]));
  }
  steps.push(command('createStream', 4, [AMF_NULL]), publish(streamName));
  steps.push(message(4, MessageType.data, Buffer.concat([amfString('@setDataFrame').bytes, metadata(0).data]), 1));
  steps.push(mediaStep(avcConfiguration(0)), mediaStep(aacConfiguration(0)));
  // A clock may begin anywhere, also where a timestamp needs its extension or wraps.
  const startMs = random.chance(0.2) ? edgeNumber(random, 4) : random.between(0, 1_000);
  for (let left = random.between(0, 12), atMs = startMs; left > 0; left--, atMs = (atMs + random.between(0, 40)) % 2 ** 32) {
    const body = 'x'.repeat(random.chance(0.1) ? random.between(0, 3_000) : random.between(0, 150));
    steps.push(mediaStep(random.pick([keyframe, interframe, sound])(atMs, body)));
  }
  if (random.chance(0.4)) steps.push(command('FCUnpublish', 6, [AMF_NULL, amfString(streamName)]));
  if (random.chance(0.4)) steps.push(command('deleteStream', 7, [AMF_NULL, amfNumber(1)]));
  return steps;
}

/** What strangers may know and not know. The witness publishes for as long as there are inputs. */
export const STREAM_NAMES = ['attacked?key=good', 'attacked?key=bad', 'witness?key=good', 'witness?key=bad', 'nothing?key=good'];
const STRANGE_NAMES = [
  '',
  '?',
  '?key=good',
  'live/attacked?key=good',
  'attacked%3Fkey%3Dgood',
  'a/b',
  '%ff?key=%',
  '__proto__?key=good',
  'x'.repeat(1_100),
];
const APPS = ['live', 'live/attacked?key=good', 'live/', '', 'vod', 'live/%', 'x'.repeat(1_100)];
const COMMANDS = [
  'connect',
  'createStream',
  'publish',
  'play',
  'play2',
  'deleteStream',
  'closeStream',
  'FCPublish',
  'releaseStream',
  'FCUnpublish',
  '_checkbw',
  'getStreamLength',
  'seek',
  '_result',
  'onStatus',
  '',
];

/** What no encoder sends, or not there. */
export function strangeStep(random: Random): Step {
  return random.pick(STRANGE)(random);
}

const anyCid = (random: Random): number =>
  random.chance(0.8) ? random.between(2, 8) : random.pick([9, 63, 64, 319, 320, 65_599]);
const anyName = (random: Random): string => random.pick(random.chance(0.7) ? STREAM_NAMES : STRANGE_NAMES);

const STRANGE: readonly ((random: Random) => Step)[] = [
  // Commands: out of order, once more, without what belongs to them, with what does not.
  (random) => connect(random, random.pick(APPS)),
  (random) => publish(anyName(random)),
  (random) => command(random.pick(COMMANDS), edgeNumber(random, 4), [AMF_NULL, amfString(anyName(random))], random.between(0, 2)),
  (random) =>
    command(
      random.pick(COMMANDS),
      random.between(0, 3),
      Array.from({ length: random.between(0, 5) }, () => amfValue(random)),
    ),
  (random) => message(anyCid(random), random.pick([17, 20]), absurdAmf(random)),
  (random) =>
    message(
      3,
      MessageType.command,
      Buffer.concat([amfString(random.pick(COMMANDS)).bytes, absurdAmf(random), absurdAmf(random)]),
    ),
  () => message(3, MessageType.commandAmf3, Buffer.concat([Buffer.of(0), amfString('createStream').bytes, amfNumber(9).bytes])),
  (random) => message(anyCid(random), random.between(0, 255), Buffer.alloc(0), edgeNumber(random, 4)),
  (random) =>
    message(
      anyCid(random),
      random.between(0, 255),
      randomBytes(random, random.between(0, 40)),
      edgeNumber(random, 4),
      edgeNumber(random, 4),
    ),
  // The protocol's own messages.
  (random) => message(2, MessageType.setChunkSize, uint(edgeNumber(random, 4), 4)),
  (random) => message(2, MessageType.setChunkSize, randomBytes(random, random.between(0, 5))),
  (random) => message(2, MessageType.abort, uint(anyCid(random), 4)),
  (random) => message(2, random.pick([1, 2, 3, 5, 6]), randomBytes(random, random.between(0, 6))),
  (random) => message(2, MessageType.windowAcknowledgementSize, uint(edgeNumber(random, 4), 4)),
  (random) =>
    message(
      2,
      MessageType.userControl,
      Buffer.concat([uint(random.between(0, 32), 2), randomBytes(random, random.between(0, 8))]),
    ),
  (random) => Buffer.alloc(PING.length * random.between(1, random.chance(0.1) ? 5_000 : 20), PING),
  // Media: of every kind of header, empty, far off in time, in aggregates.
  (random) =>
    mediaStep({
      type: random.pick([AUDIO, VIDEO]),
      timestampMs: edgeNumber(random, 4),
      data: randomBytes(random, random.between(0, 30)),
    }),
  (random) => mediaStep({ type: VIDEO, timestampMs: random.between(0, 500), data: enhancedVideo(random) }),
  (random) => message(4, random.pick([15, 18]), mutated(random, metadata(0).data, random.between(0, 3)), 1),
  (random) => message(4, MessageType.data, Buffer.concat([amfString('onMetaData').bytes, absurdAmf(random)]), 1),
  (random) => message(6, MessageType.aggregate, aggregate(random), 1, edgeNumber(random, 4)),
  (random) =>
    message(
      6,
      MessageType.aggregate,
      Buffer.alloc(TINY_TAG.length * random.between(0, random.chance(0.1) ? 4_000 : 20), TINY_TAG),
      1,
    ),
  (random) => mediaStep(keyframe(random.between(0, 500), 'k'.repeat(random.chance(0.05) ? 100_000 : random.between(0, 5_000)))),
  // Chunks.
  announced,
  halfMessages,
  abortedMessages,
  (random) => Buffer.concat([basicHeader(random.between(1, 3), anyCid(random)), randomBytes(random, random.between(0, 12))]),
  (random) => randomBytes(random, random.between(1, 200)),
];

const PING = Buffer.of(2, 0, 0, 0, 0, 0, 6, 4, 0, 0, 0, 0, 0, 6, 1, 2, 3, 4);
const TINY_TAG = Buffer.of(8, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xaf, 0, 0, 0, 12);

/** Enhanced RTMP: prefixes of prefixes, tracks, types that there are not yet. */
function enhancedVideo(random: Random): Buffer {
  const prefixes = Array.from({ length: random.between(0, 3) }, () =>
    Buffer.of(random.between(0, 4), 0, 0, 0, random.between(0, 15) * 16 + 7),
  );
  const first = Buffer.of(0x80 | (random.between(0, 7) << 4) | (prefixes.length > 0 ? 7 : random.between(0, 15)));
  return Buffer.concat([
    first,
    ...prefixes,
    randomBytes(random, random.between(0, 3)),
    Buffer.from('avc1'),
    randomBytes(random, random.between(0, 8)),
  ]);
}

function aggregate(random: Random): Buffer {
  const tags = Array.from({ length: random.between(0, 5) }, () => encodeTag(sound(edgeNumber(random, 4))));
  return mutated(random, Buffer.concat(tags), random.between(0, 2));
}

/** The header of a chunk, with a length and a time at the edges, and little of what it announces. */
function announced(random: Random): Buffer {
  const header = Buffer.concat([
    basicHeader(random.between(0, 1), anyCid(random)),
    uint(edgeNumber(random, 3), 3),
    uint(edgeNumber(random, 3), 3),
    Buffer.of(random.chance(0.8) ? random.pick([8, 9, 18, 20, 22]) : random.between(0, 255)),
  ]);
  return Buffer.concat([header, randomBytes(random, random.between(0, 24))]);
}

/** A message begun on each of many chunk streams, and ended on none. */
function halfMessages(random: Random): Buffer {
  const count = random.chance(0.2) ? random.between(64, 5_000) : random.between(2, 70);
  const [firstCid, length] = [random.pick([2, 3, 64, 320]), random.pick([2, 1_000, 16_000, 65_536, 4_194_304, 0xffffff])];
  const chunks: Buffer[] = [];
  for (let cid = firstCid; cid < firstCid + count; cid++) {
    chunks.push(
      basicHeader(0, cid),
      uint(0, 3),
      uint(length, 3),
      Buffer.of(9, 1, 0, 0, 0),
      Buffer.alloc(Math.min(length - 1, 128)),
    );
  }
  return Buffer.concat(chunks);
}

/** A message begun and given up, time and again, and then many that are not. */
function abortedMessages(random: Random): Buffer {
  const begun = Buffer.concat([Buffer.of(9), uint(0, 3), uint(8_000, 3), Buffer.of(9, 1, 0, 0, 0), Buffer.alloc(128)]);
  const abort = Buffer.concat([Buffer.of(2), uint(0, 3), uint(4, 3), Buffer.of(MessageType.abort), uint(0, 4), uint(9, 4)]);
  return Buffer.concat([...Array<Buffer>(random.between(1, 200)).fill(Buffer.concat([begun, abort])), halfMessages(random)]);
}
