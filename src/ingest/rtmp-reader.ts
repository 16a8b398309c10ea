import logger from 'node-media-server/src/core/logger.js';
import type { RtmpPacket } from 'node-media-server/src/protocol/rtmp.js';
import { TollcastError } from '../errors.ts';
import { ChunkParser } from './chunk-parser.ts';
import { isCommand, MessageType, type RtmpMessage } from './rtmp-message.ts';

/** What the bytes of one connection may make its reader allocate. */
export interface ReaderLimits {
  readonly maxMessageBytes: number;
  /** What all messages that have begun and not ended announce, together. */
  readonly maxUnfinishedBytes: number;
  readonly maxCommandBytes: number;
  readonly maxChunkStreams: number;
}

// It prints to standard output, a line for each unknown AMF marker: anyone could fill the operator's disk.
logger.log = () => undefined;

const RTMP_VERSION = 3;
const AFTER_HANDSHAKE = 3;
/** Message lengths are 24 bits, so a larger chunk size means the same (RTMP 1.0, section 5.4.1). */
const MAX_CHUNK_SIZE = 0xffffff;
const TIMESTAMPS = 2 ** 32;
const NOTHING = Buffer.alloc(0);

/**
 * Bytes of a connection in, complete messages out, on node-media-server's handshake and chunk parser. Chunk size and abort are the
 * reader's own affair; what every other message means is the caller's.
 *
 * Departs from the parser it extends where that can be brought down or goes wrong: what a message announces is bounded before
 * anything is allocated for it; each message has a buffer of its own and none is reused; chunk stream ids of three bytes are
 * computed as the specification has it; timestamps stay within 32 bits (theirs pass 2^32 after 49 days and every message from
 * then on is lost); a chunk size of 0 and a header in the middle of a message are refused.
 *
 * Any method may throw: TollcastError `rtmp-malformed` or `rtmp-limit`, whose message says what was wrong, or whatever the parser
 * throws. After that the reader is of no more use.
 */
export class RtmpReader extends ChunkParser {
  limits: ReaderLimits;
  #messages: RtmpMessage[] = [];
  #unfinishedBytes = 0;
  #sawVersion = false;

  /**
   * @param handshake what sends the answers of the server's side of the handshake; left out, the handshake is over and only
   *   chunks follow
   */
  constructor(limits: ReaderLimits, handshake?: (answer: Buffer) => void) {
    super();
    this.limits = limits;
    if (handshake) this.onOutputCallback = handshake;
    else this.handshakeState = AFTER_HANDSHAKE;
  }

  /** The messages that these bytes complete, in order. */
  read(bytes: Buffer): RtmpMessage[] {
    if (bytes.length === 0) return [];
    if (!this.#sawVersion && this.handshakeState !== AFTER_HANDSHAKE && bytes[0] !== RTMP_VERSION) {
      throw malformed('does not speak RTMP');
    }
    this.#sawVersion = true;
    this.parserData(bytes);
    const messages = this.#messages;
    this.#messages = [];
    return messages;
  }

  override packetParse(): void {
    const cid = this.#chunkStreamId();
    const fmt = this.#headerByte(0) >> 6;
    this.parserPacket = this.inPackets.get(cid) ?? this.#newChunkStream(cid, fmt);
    if (fmt < 3 && this.parserPacket.bytes > 0) throw malformed('began a message within another on one chunk stream');
    this.parserPacket.header.fmt = fmt;
    this.chunkMessageHeaderRead();
  }

  /** RTMP 1.0, section 5.3.1.1: 6 bits, or 64 and one byte, or 64 and two bytes with the low one first. */
  #chunkStreamId(): number {
    if (this.parserBasicBytes === 1) return this.#headerByte(0) & 0x3f;
    const low = 64 + this.#headerByte(1);
    return this.parserBasicBytes === 2 ? low : low + this.#headerByte(2) * 256;
  }

  #headerByte(at: number): number {
    return this.parserBuffer[at] ?? 0;
  }

  #newChunkStream(cid: number, fmt: number): RtmpPacket {
    if (this.inPackets.size >= this.limits.maxChunkStreams) {
      throw tooMuch(`used more than ${this.limits.maxChunkStreams} chunk streams`);
    }
    // Some encoders begin with type 1, which lacks only the message stream's id; the others have no length to go by.
    if (fmt > 1) throw malformed('began a chunk stream without a message header');
    const header = { fmt, cid, timestamp: 0, length: 0, type: 0, stream_id: 0 };
    const packet: RtmpPacket = { header, clock: 0, payload: NOTHING, bytes: 0, capacity: 0 };
    this.inPackets.set(cid, packet);
    return packet;
  }

  override packetAlloc(): void {
    const packet = this.parserPacket;
    const { length } = packet.header;
    const maxBytes = isCommand(packet.header) ? this.limits.maxCommandBytes : this.limits.maxMessageBytes;
    if (length > maxBytes) throw tooMuch(`announced a message of ${length} bytes, of ${maxBytes} allowed`);
    // A message whose first chunk brought no byte yet passes here once only; its buffer is counted until it ends.
    if (this.#unfinishedBytes + length > this.limits.maxUnfinishedBytes) {
      throw tooMuch(`left messages of more than ${this.limits.maxUnfinishedBytes} bytes unfinished`);
    }
    this.#unfinishedBytes += length;
    packet.clock %= TIMESTAMPS;
    packet.payload = Buffer.allocUnsafe(length);
  }

  override packetHandler(): void {
    const { header, clock, payload } = this.parserPacket;
    this.#release(this.parserPacket);
    switch (header.type) {
      case MessageType.setChunkSize:
        this.#setChunkSize(payload);
        break;
      case MessageType.abort:
        this.#abort(payload);
        break;
      default:
        this.#messages.push({ type: header.type, streamId: header.stream_id, timestampMs: clock, payload });
    }
  }

  #release(packet: RtmpPacket): void {
    this.#unfinishedBytes -= packet.payload.length;
    packet.payload = NOTHING;
  }

  #setChunkSize(payload: Buffer): void {
    if (payload.length < 4) throw malformed('set a chunk size without saying which');
    // The parser finds the end of a chunk by its own size's multiples, so the size cannot change within a message.
    if ([...this.inPackets.values()].some((packet) => packet.bytes > 0))
      throw malformed('changed the chunk size within a message');
    const size = payload.readUInt32BE();
    if (size === 0 || size > 0x7fffffff) throw malformed(`set a chunk size of ${size}`);
    this.inChunkSize = Math.min(size, MAX_CHUNK_SIZE);
  }

  #abort(payload: Buffer): void {
    if (payload.length < 4) throw malformed('aborted a message without saying which');
    const packet = this.inPackets.get(payload.readUInt32BE());
    if (!packet || packet.bytes === 0) return;
    packet.bytes = 0;
    this.#release(packet);
  }
}

export const malformed = (what: string): TollcastError => new TollcastError('rtmp-malformed', `the other side ${what}`);

const tooMuch = (what: string): TollcastError => new TollcastError('rtmp-limit', `the other side ${what}`);
