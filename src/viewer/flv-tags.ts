/** The nine bytes of the FLV header, and the size of no tag before the first (4). */
export const FLV_HEADER_BYTES = 13;

/** An FLV tag on the wire: type (1 byte), size of the body (3), timestamp (3 low, 1 high), stream id (3), body, size again (4). */
const HEADER_BYTES = 11;
const TRAILER_BYTES = 4;

interface PlacedTag {
  readonly type: number;
  readonly timestampMs: number;
  readonly bytes: Uint8Array;
}

/** The tags that a chunk consists of. A tag that is cut off, or what is none at all, is the last. */
function* tagsOf(chunk: Uint8Array): Generator<PlacedTag> {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  for (let at = 0; at + HEADER_BYTES <= chunk.length; ) {
    const type = view.getUint8(at);
    const size = view.getUint32(at) & 0xffffff;
    const timestampMs = ((view.getUint32(at + 4) >>> 8) | (view.getUint8(at + 7) << 24)) >>> 0;
    const end = at + HEADER_BYTES + size + TRAILER_BYTES;
    yield { type, timestampMs, bytes: chunk.subarray(at, end) };
    at = end;
  }
}

/** How far the tags of each type have come on the broadcast's timeline. */
export class TagTimeline {
  readonly #latestMs = new Map<number, number>();

  /** Notes the tags of a chunk. */
  advance(chunk: Uint8Array): void {
    for (const { type, timestampMs } of tagsOf(chunk)) this.#latestMs.set(type, timestampMs);
  }

  /** A chunk without the tags that are no later than what was noted before it. The chunk itself if that is all of them. */
  laterThanNoted(chunk: Uint8Array): Uint8Array {
    const later = [...tagsOf(chunk)].filter((tag) => this.#isLater(tag)).map((tag) => tag.bytes);
    const total = later.reduce((sum, bytes) => sum + bytes.length, 0);
    if (total === chunk.length) return chunk;
    const out = new Uint8Array(total);
    let at = 0;
    for (const bytes of later) {
      out.set(bytes, at);
      at += bytes.length;
    }
    return out;
  }

  /** The timeline is 32 bits of milliseconds and wraps around after 49 days. */
  #isLater({ type, timestampMs }: PlacedTag): boolean {
    const latestMs = this.#latestMs.get(type);
    return latestMs === undefined || ((timestampMs - latestMs) | 0) > 0;
  }
}
