/**
 * What Tollcast uses of node-media-server 4.4.3's protocol files, which come without types: the server's side of the handshake, the
 * chunk parser, and an AMF0 encoder. Read beside it; the version is pinned, because the members declared here are its insides.
 */

declare module 'node-media-server/src/protocol/rtmp.js' {
  /** A chunk stream's latest message header, as the wire has it. */
  export interface RtmpPacketHeader {
    /** Chunk type of the latest chunk, 0 to 3. */
    fmt: number;
    /** Chunk stream id. */
    cid: number;
    /** The 24 bits of the header: a time or a difference, or 0xffffff if an extended timestamp follows. */
    timestamp: number;
    length: number;
    type: number;
    stream_id: number;
  }

  export interface RtmpPacket {
    header: RtmpPacketHeader;
    /** Milliseconds; grows past 2^32. */
    clock: number;
    payload: Buffer;
    /** Bytes of the message that have arrived; 0 between messages. */
    bytes: number;
    capacity: number;
  }

  /** What `chunksCreate` reads of a packet. */
  export interface OutgoingPacket {
    header: RtmpPacketHeader;
    payload: Buffer;
  }

  export default class Rtmp {
    /** 0 before the handshake, 3 once chunks follow. */
    handshakeState: number;
    /** The first bytes of the chunk that is being parsed: basic header and message header. */
    parserBuffer: Buffer;
    /** Length of the basic header in `parserBuffer`: 1, 2 or 3. */
    parserBasicBytes: number;
    parserPacket: RtmpPacket;
    /** By chunk stream id. */
    inPackets: Map<number, RtmpPacket>;
    inChunkSize: number;
    onOutputCallback: (bytes: Buffer) => void;

    /** Parses the server's side of the handshake, then chunks. */
    parserData(bytes: Buffer): string | null;
    /** Looks the chunk stream up once its headers are in `parserBuffer`. */
    packetParse(): void;
    chunkMessageHeaderRead(): number;
    /** Called with the first chunk of every message, before its payload is copied. */
    packetAlloc(): void;
    /** Called with every complete message in `parserPacket`. */
    packetHandler(): void;

    /** The message in chunks of 65,535 bytes. Loses a byte of an empty one. */
    static chunksCreate(packet: OutgoingPacket): Buffer;
  }
}

declare module 'node-media-server/src/protocol/amf.js' {
  const amf: {
    /** Writes the length of a string in UTF-16 units, which is right for ASCII only. */
    amf0EncodeOne(value: unknown): Buffer;
  };
  export default amf;
}

declare module 'node-media-server/src/core/logger.js' {
  /** Shared by all of node-media-server; prints to standard output. */
  const logger: { log(message: string, level?: string): void };
  export default logger;
}
