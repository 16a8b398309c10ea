/** A chunk as it stood on the media socket. */
export interface WireChunk {
  readonly epoch: number;
  readonly counter: number;
  readonly flags: number;
  /** Flags byte and SFrame ciphertext. */
  readonly bytes: Buffer;
}

/** docs/PROTOCOL.md, "Media messages", read without the project's own code. */
export function* chunksIn(message: Buffer): Iterable<WireChunk> {
  for (let at = 0; at < message.length; ) {
    const length = message.readUInt32BE(at);
    yield parse(message.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
}

function parse(bytes: Buffer): WireChunk {
  const config = bytes.readUInt8(1);
  let at = 2;
  const field = (long: boolean, value: number): number => {
    if (!long) return value;
    const length = value + 1;
    const number = bytes.readUIntBE(at, Math.min(6, length));
    at += length;
    return number;
  };
  const epoch = field((config & 0x80) !== 0, (config >> 4) & 7);
  const counter = field((config & 0x08) !== 0, config & 7);
  return { epoch, counter, flags: bytes.readUInt8(0), bytes };
}
