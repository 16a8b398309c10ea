import { TollcastError } from '../errors.ts';
import { AUDIO, type FlvTag, type FlvTagType, SCRIPT, VIDEO } from './flv.ts';

export interface FlvReaderOptions {
  /** A larger tag is an error. */
  readonly maxTagBytes?: number;
}

/** What RTMP can carry in one message. */
const MAX_TAG_BYTES = 0xffffff;
const SIGNATURE = Buffer.from('FLV', 'latin1');
const FILE_HEADER_BYTES = 9;
/** A version of FLV with a longer header than that has never been seen. */
const MAX_FILE_HEADER_BYTES = 1024;
const PREVIOUS_TAG_SIZE_BYTES = 4;
const TAG_HEADER_BYTES = 11;
/** Bit 5 of a tag's type: its body is encrypted. */
const FILTERED = 0x20;

/**
 * The tags of an FLV file, as it is being read (Adobe Flash Video File Format Specification 10.1, annex E). A tag that is cut off at
 * the end of the file is left out: a recorder that was killed leaves one.
 *
 * @throws TollcastError `not-flv`; `flv-damaged` for what cannot be a tag, or one larger than `maxTagBytes`, with its position
 */
export async function* readFlv(
  bytes: AsyncIterable<Buffer>,
  { maxTagBytes = MAX_TAG_BYTES }: FlvReaderOptions = {},
): AsyncGenerator<FlvTag, void, undefined> {
  const source = new ByteSource(bytes);
  try {
    yield* readTags(source, maxTagBytes);
  } finally {
    await source.close();
  }
}

async function* readTags(source: ByteSource, maxTagBytes: number): AsyncGenerator<FlvTag, void, undefined> {
  await skipFileHeader(source);
  for (;;) {
    const at = source.position;
    const header = await source.take(TAG_HEADER_BYTES);
    if (header === undefined) return;
    const type = tagType(header.readUInt8(0));
    const size = header.readUIntBE(1, 3);
    if (type === undefined || size > maxTagBytes) {
      throw new TollcastError('flv-damaged', `the FLV file has no valid tag at byte ${at}: remux it, as with ffmpeg -c copy`);
    }
    const data = await source.take(size);
    if (data === undefined) return;
    yield { type, timestampMs: header.readUIntBE(4, 3) + header.readUInt8(7) * 2 ** 24, data };
    if ((await source.take(PREVIOUS_TAG_SIZE_BYTES)) === undefined) return;
  }
}

async function skipFileHeader(source: ByteSource): Promise<void> {
  const header = await source.take(FILE_HEADER_BYTES);
  const headerBytes = header?.subarray(0, 3).equals(SIGNATURE) ? header.readUInt32BE(5) : 0;
  if (headerBytes < FILE_HEADER_BYTES || headerBytes > MAX_FILE_HEADER_BYTES) {
    throw new TollcastError('not-flv', 'that is no FLV file: make one with ffmpeg -i FILE -c copy FILE.flv');
  }
  await source.take(headerBytes - FILE_HEADER_BYTES + PREVIOUS_TAG_SIZE_BYTES);
}

function tagType(byte: number): FlvTagType | undefined {
  if (byte & FILTERED) return undefined;
  const type = byte & 0x1f;
  return type === AUDIO || type === VIDEO || type === SCRIPT ? type : undefined;
}

/** Bytes that arrive in pieces, taken in others. Holds no more than is being taken and one piece. */
class ByteSource {
  readonly #pieces: AsyncIterator<Buffer>;
  #piece: Buffer = Buffer.alloc(0);
  position = 0;

  constructor(pieces: AsyncIterable<Buffer>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** The next `size` bytes, a copy. Undefined if there are fewer. */
  async take(size: number): Promise<Buffer | undefined> {
    const out = Buffer.allocUnsafe(size);
    let filled = 0;
    while (filled < size) {
      if (this.#piece.length === 0 && !(await this.#next())) return undefined;
      const copied = this.#piece.copy(out, filled);
      this.#piece = this.#piece.subarray(copied);
      filled += copied;
    }
    this.position += size;
    return out;
  }

  /** Nothing more is taken: a file may be closed. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  async #next(): Promise<boolean> {
    const next = await this.#pieces.next();
    if (next.done) return false;
    this.#piece = next.value;
    return true;
  }
}
