import Rtmp, { type RtmpPacket } from 'node-media-server/src/protocol/rtmp.js';

const HANDSHAKE_BYTES = 1_536;
const MAX_CHUNK_HEADER_BYTES = 18;
/** RTMP 1.0, section 5.4.1: until the other side sets another. */
const CHUNK_BYTES = 128;
const NOTHING = Buffer.alloc(0);

/** A chunk stream that nothing came on yet. */
export const newPacket = (fmt: number, cid: number): RtmpPacket => ({
  header: { fmt, cid, timestamp: 0, length: 0, type: 0, stream_id: 0 },
  clock: 0,
  payload: NOTHING,
  bytes: 0,
  capacity: 0,
});

/** The methods of theirs without the constructor. */
const Methods = function Methods() {} as unknown as typeof Rtmp;
Methods.prototype = Rtmp.prototype;

/**
 * node-media-server's handshake and chunk parser. Their constructor is not run: it allocates 1 MiB for FLV, which is not used here,
 * for every connection that anybody opens.
 */
export class RtmpParser extends Methods {
  constructor() {
    super();
    this.handshakePayload = Buffer.alloc(HANDSHAKE_BYTES);
    this.handshakeState = 0;
    this.handshakeBytes = 0;
    this.parserBuffer = Buffer.alloc(MAX_CHUNK_HEADER_BYTES);
    this.parserState = 0;
    this.parserBytes = 0;
    this.parserBasicBytes = 0;
    this.parserPacket = newPacket(0, 0);
    this.inPackets = new Map();
    this.inChunkSize = CHUNK_BYTES;
  }
}
