import { isDeepStrictEqual } from 'node:util';
import { TollcastError } from '../../../src/errors.ts';
import { isLiveApp, publishTarget } from '../../../src/ingest/publish-target.ts';
import { connectObjectOf, decodeCommand, statusOf, streamNameOf } from '../../../src/ingest/rtmp-command.ts';
import { MessageType } from '../../../src/ingest/rtmp-message.ts';
import { type FlvTag, isMetadata, SCRIPT } from '../../../src/media/flv.ts';
import { declaredTracks } from '../../../src/media/metadata.ts';
import type { Random } from '../../sim/random.ts';
import { Outcomes } from '../outcomes.ts';
import type { FuzzTarget } from '../target.ts';
import { AMF_NULL, type Amf0, absurdAmf, amfEcmaArray, amfNumber, amfObject, amfString, amfValue } from './amf0-grammar.ts';
import { mutated } from './bytes.ts';

const COMMANDS = ['connect', 'publish', 'play', 'createStream', '_result', 'onStatus', 'onMetaData', 'x'];
/** Decoded values are no more than this for each byte that came: nothing is multiplied. */
const MAX_VALUES_A_BYTE = 1;

/** AMF0 as commands and metadata carry it: right values are decoded to what they are, all others at most refused. */
export const amf0Target: FuzzTarget = {
  name: 'amf0',
  description: 'AMF0 values of commands and metadata',
  async open() {
    const outcomes = new Outcomes();
    return { outcomes, close: async () => undefined, input: (random) => outcomes.count(put(random)) };
  },
};

function put(random: Random): string {
  const parts = commandOf(random);
  const right = Buffer.concat(parts.map(({ bytes }) => bytes));
  if (random.chance(0.3)) return decodedRightly(right, parts);
  const type = random.chance(0.1) ? MessageType.commandAmf3 : MessageType.command;
  return taken(random.chance(0.6) ? mutated(random, right, random.between(1, 4)) : absurd(random, parts), type);
}

function commandOf(random: Random): Amf0[] {
  const parts = [amfString(random.pick(COMMANDS)), amfNumber(random.between(0, 5))];
  if (random.chance(0.3)) return [...parts, AMF_NULL, amfString(random.pick(['attacked?key=good', 'live/x', '']))];
  if (random.chance(0.5)) {
    const make = random.pick([amfObject, amfEcmaArray]);
    return [...parts, make({ app: amfString('live'), tcUrl: amfString('rtmp://localhost/live?key=x'), other: amfValue(random) })];
  }
  for (let left = random.between(0, 4); left > 0; left--) parts.push(amfValue(random));
  return parts;
}

/** In place of one of its values. */
function absurd(random: Random, parts: readonly Amf0[]): Buffer {
  const place = random.between(0, parts.length);
  return Buffer.concat([...parts.map(({ bytes }, at) => (at === place ? absurdAmf(random) : bytes)), absurdAmf(random)]);
}

function decodedRightly(payload: Buffer, parts: readonly Amf0[]): string {
  const { name, transaction, values } = decodeCommand({ type: MessageType.command, streamId: 0, timestampMs: 0, payload });
  const expected = parts.map(({ value }) => value);
  if (!isDeepStrictEqual([name, transaction, ...values], expected))
    throw new Error(`${payload.toString('hex')} is decoded wrongly`);
  lookedInto(payload);
  return 'right, decoded';
}

function taken(payload: Buffer, type: number): string {
  lookedInto(payload);
  try {
    const command = decodeCommand({ type, streamId: 0, timestampMs: 0, payload });
    if (countOf(command.values) > MAX_VALUES_A_BYTE * payload.length) throw new Error('values multiply');
    statusOf(command);
    const connect = command.name === 'connect' ? connectObjectOf(command) : { app: 'live', tcUrl: '' };
    isLiveApp(connect);
    publishTarget(connect, command.name === 'connect' ? 'news' : streamNameOf(command));
    return 'harmed, decoded and taken';
  } catch (error) {
    if (error instanceof TollcastError && /connect|stream name/.test(error.message)) return 'harmed, decoded and refused';
    if (error instanceof TollcastError) return 'harmed, refused';
    throw error;
  }
}

/** As metadata, nothing is refused. */
function lookedInto(payload: Buffer): void {
  const tag: FlvTag = {
    type: SCRIPT,
    timestampMs: 0,
    data: Buffer.concat([amfString('onMetaData').bytes, payload.subarray(payload.length > 10 ? 10 : 0)]),
  };
  if (!isMetadata(tag)) throw new Error('metadata is none');
  declaredTracks(tag);
}

function countOf(values: unknown): number {
  let count = 0;
  for (const queue = [values]; queue.length > 0; ) {
    const value = queue.pop();
    count++;
    if (typeof value === 'object' && value !== null) queue.push(...Object.values(value));
  }
  return count;
}
