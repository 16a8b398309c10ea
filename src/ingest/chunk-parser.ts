import Rtmp from 'node-media-server/src/protocol/rtmp.js';

const HANDSHAKE_BYTES = 1536;
const MAX_CHUNK_HEADER_BYTES = 18;
/** Until it is set (RTMP 1.0, section 5.4.1). */
const CHUNK_BYTES = 128;

/** What Rtmp's constructor sets and its parser reads. */
function parserFields() {
  return {
    handshakePayload: Buffer.alloc(HANDSHAKE_BYTES),
    handshakeState: 0,
    handshakeBytes: 0,
    parserBuffer: Buffer.alloc(MAX_CHUNK_HEADER_BYTES),
    parserState: 0,
    parserBytes: 0,
    parserBasicBytes: 0,
    inPackets: new Map(),
    inChunkSize: CHUNK_BYTES,
    onOutputCallback: () => undefined,
  };
}

function construct(this: Rtmp): void {
  Object.assign(this, parserFields());
}
construct.prototype = Rtmp.prototype;

/**
 * node-media-server's handshake and chunk parser with another constructor. Its own makes an FLV parser too, of no use here, with a
 * buffer of 1 MiB: anyone who connects would have us allocate that.
 */
export const ChunkParser = construct as unknown as typeof Rtmp;
