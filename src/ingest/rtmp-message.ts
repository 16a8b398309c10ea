import amf from 'node-media-server/src/protocol/amf.js';
import Rtmp from 'node-media-server/src/protocol/rtmp.js';

/** RTMP message types (Adobe, "RTMP Specification 1.0", sections 5.4 and 7.1). */
export const MessageType = {
  setChunkSize: 1,
  abort: 2,
  acknowledgement: 3,
  userControl: 4,
  windowAcknowledgementSize: 5,
  setPeerBandwidth: 6,
  audio: 8,
  video: 9,
  dataAmf3: 15,
  commandAmf3: 17,
  data: 18,
  command: 20,
  aggregate: 22,
} as const;

/** Whether a message is a command. The AMF3 kind is AMF0 behind one byte more. */
export const isCommand = ({ type }: Pick<RtmpMessage, 'type'>): boolean =>
  type === MessageType.command || type === MessageType.commandAmf3;

/** One complete message. `payload` is the receiver's to keep. */
export interface RtmpMessage {
  readonly type: number;
  readonly streamId: number;
  /** Milliseconds modulo 2^32. */
  readonly timestampMs: number;
  readonly payload: Buffer;
}

/** The size of the chunks that `encodeMessage` makes; the other side must be told of it before the first that is longer. */
export const OUTGOING_CHUNK_BYTES = 0xffff;

/** Chunk streams, by what encoders and node-media-server use. Each kind of media has its own, so that their headers compress. */
const CHUNK_STREAMS: Readonly<Record<number, number>> = {
  [MessageType.audio]: 4,
  [MessageType.video]: 5,
  [MessageType.data]: 6,
  [MessageType.command]: 3,
};
const PROTOCOL_CHUNK_STREAM = 2;

/** A message in chunks, ready for the socket. The payload must not be empty. */
export function encodeMessage({ type, streamId, timestampMs, payload }: RtmpMessage): Buffer {
  const cid = CHUNK_STREAMS[type] ?? PROTOCOL_CHUNK_STREAM;
  const header = { fmt: 0, cid, timestamp: timestampMs, length: payload.length, type, stream_id: streamId };
  return Rtmp.chunksCreate({ header, payload });
}

const protocolMessage = (type: number, payload: Buffer): Buffer => encodeMessage({ type, streamId: 0, timestampMs: 0, payload });

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export const setChunkSize = (bytes: number): Buffer => protocolMessage(MessageType.setChunkSize, uint32(bytes));

/** `bytes`: received since the connection began, counted modulo 2^32. */
export const acknowledgement = (bytes: number): Buffer => protocolMessage(MessageType.acknowledgement, uint32(bytes % 2 ** 32));

export const windowAcknowledgementSize = (bytes: number): Buffer =>
  protocolMessage(MessageType.windowAcknowledgementSize, uint32(bytes));

const DYNAMIC_LIMIT = 2;

export const setPeerBandwidth = (bytes: number): Buffer =>
  protocolMessage(MessageType.setPeerBandwidth, Buffer.concat([uint32(bytes), Buffer.of(DYNAMIC_LIMIT)]));

const STREAM_BEGIN = 0;
const PING_REQUEST = 6;
const PING_RESPONSE = 7;

export const streamBegin = (streamId: number): Buffer =>
  protocolMessage(MessageType.userControl, Buffer.concat([Buffer.of(0, STREAM_BEGIN), uint32(streamId)]));

/** The answer to a user control message, if it is a ping: an event type of two bytes, then a time of four to be sent back. */
export function pong({ payload }: RtmpMessage): Buffer | undefined {
  if (payload.length < 6 || payload.readUInt16BE() !== PING_REQUEST) return undefined;
  return protocolMessage(MessageType.userControl, Buffer.concat([Buffer.of(0, PING_RESPONSE), payload.subarray(2, 6)]));
}

/** How often the other side wants an acknowledgement. @throws RangeError if it does not say */
export const windowBytesOf = ({ payload }: RtmpMessage): number => payload.readUInt32BE();

/** The values of a command: strings, numbers, booleans, null, or objects of these. Its name and transaction come first. */
export type CommandValue = string | number | boolean | null | { readonly [name: string]: CommandValue };

/** A command in AMF0, as a message on a message stream. */
export function encodeCommand(streamId: number, name: string, transaction: number, ...values: CommandValue[]): Buffer {
  const payload = Buffer.concat([name, transaction, ...values].map((value) => amf.amf0EncodeOne(ascii(value))));
  return encodeMessage({ type: MessageType.command, streamId, timestampMs: 0, payload });
}

/** The encoder writes a string's length in UTF-16 units: one character beyond ASCII would garble all that follows. */
function ascii(value: CommandValue): CommandValue {
  if (typeof value === 'string') return value.replace(/[^\x20-\x7e]/g, '?');
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, ascii(inner)]));
}
