import {
  AUDIO,
  configurationSlot,
  encodedTagBytes,
  FLV_HEADER_BYTES,
  type FlvTag,
  flvHeader,
  isMetadata,
  isVideoCommand,
  VIDEO,
  writeTag,
} from './flv.ts';
import { type DeclaredTracks, declaredTracks } from './metadata.ts';

/** A larger metadata or configuration tag is no part of the preamble and passes as an ordinary one. Usual are 50 to 1,000 bytes. */
const MAX_PREAMBLE_TAG_BYTES = 65_536;
/** Metadata and decoder configurations: two for plain streams, two or three for each track of a multitrack one. */
const MAX_PREAMBLE_TAGS = 32;
/** How long, on the broadcast's timeline, a track that was declared is believed in before it is seen. */
const DECLARED_TRACK_GRACE_MS = 5_000;

/**
 * What someone who joins a broadcast needs before anything else, as of now: FLV header, metadata, decoder configurations
 * (DESIGN.md, section 4, "Chunks and epochs"). A tag in it keeps the timestamp it arrived with, so that an unchanged preamble is
 * the same bytes in every epoch.
 */
export class Preamble {
  /** By what each configures, in order of first arrival; the metadata is always first. */
  readonly #configurations = new Map<string, FlvTag>();
  #metadata: FlvTag | undefined;
  #declared: DeclaredTracks = { audio: false, video: false };
  #seen = { audio: false, video: false };
  /** Timeline position since when the present declaration is being believed. */
  #believedSinceMs: number | undefined;
  #bytes: Buffer = Buffer.alloc(0);
  #stale = true;

  /**
   * Notes which tracks there are. Call it for all tags of one read before taking the first, so that the FLV header, of which a
   * player gets one only, knows of both tracks if both are there.
   */
  see(tag: FlvTag): void {
    if (tag.data.length === 0) return;
    if (tag.type === AUDIO && !this.#seen.audio) this.#noteSeen({ ...this.#seen, audio: true });
    if (tag.type === VIDEO && !this.#seen.video && !isVideoCommand(tag)) this.#noteSeen({ ...this.#seen, video: true });
  }

  /** Takes a tag that belongs to the preamble (an unchanged repetition too); false for an ordinary one. */
  take(tag: FlvTag): boolean {
    if (tag.data.length > MAX_PREAMBLE_TAG_BYTES) return false;
    if (isMetadata(tag)) {
      if (this.#metadata?.data.equals(tag.data)) return true;
      this.#metadata = kept(tag);
      this.#declared = declaredTracks(tag);
      this.#believedSinceMs = undefined;
      this.#stale = true;
      return true;
    }
    const slot = configurationSlot(tag);
    if (slot === undefined) return false;
    const former = this.#configurations.get(slot);
    if (former?.data.equals(tag.data)) return true;
    if (former === undefined && this.#configurations.size >= MAX_PREAMBLE_TAGS) return false;
    this.#configurations.set(slot, kept(tag));
    this.#stale = true;
    return true;
  }

  /** An ordinary tag of this time is next: declarations that nothing came of are no longer believed. */
  advance(timestampMs: number): void {
    this.#believedSinceMs ??= timestampMs;
    const disappointed = (this.#declared.audio && !this.#seen.audio) || (this.#declared.video && !this.#seen.video);
    // Signed, since interleaved tracks step back a little.
    if (!disappointed || ((timestampMs - this.#believedSinceMs) | 0) < DECLARED_TRACK_GRACE_MS) return;
    this.#declared = { audio: false, video: false };
    this.#stale = true;
  }

  /** Whether there is a picture, as far as can be known. */
  get hasVideo(): boolean {
    return this.#seen.video || this.#declared.video;
  }

  /** The preamble's bytes if they are others than at the last call. */
  takeChange(): Buffer | undefined {
    if (!this.#stale) return undefined;
    this.#stale = false;
    const bytes = this.#encode();
    if (bytes.equals(this.#bytes)) return undefined;
    this.#bytes = bytes;
    return bytes;
  }

  #noteSeen(seen: { audio: boolean; video: boolean }): void {
    this.#seen = seen;
    this.#stale = true;
  }

  #encode(): Buffer {
    const tags = [...(this.#metadata ? [this.#metadata] : []), ...this.#configurations.values()];
    const out = Buffer.allocUnsafe(tags.reduce((bytes, tag) => bytes + encodedTagBytes(tag), FLV_HEADER_BYTES));
    flvHeader({ audio: this.#seen.audio || this.#declared.audio, video: this.hasVideo }).copy(out);
    let at = FLV_HEADER_BYTES;
    for (const tag of tags) at = writeTag(out, at, tag);
    return out;
  }
}

/** A copy: the tag's body may be a view into a much larger read, which would stay in memory for the whole broadcast. */
const kept = (tag: FlvTag): FlvTag => ({ ...tag, data: Buffer.from(tag.data) });
