import { AUDIO, type FlvTag, type FlvTagType, isDecoderConfiguration, SCRIPT, VIDEO } from '../media/flv.ts';
import { msAfter, wrappedMs } from '../media/timestamps.ts';

export type Track = typeof AUDIO | typeof VIDEO;

/** The track that a tag is a frame of. Metadata and decoder configurations are no frames. */
export function trackOf(tag: FlvTag): Track | undefined {
  return tag.type === SCRIPT || isDecoderConfiguration(tag) ? undefined : tag.type;
}

/** How many distances between frames are looked at: one that was held up by the network must not be taken for the frame rate. */
const REMEMBERED_DISTANCES = 8;
/** Until two frames have been seen: 25 pictures a second, 1024 samples at 44.1 kHz. */
const USUAL_DISTANCE_MS: Readonly<Record<Track, number>> = { [VIDEO]: 40, [AUDIO]: 23 };

/** Where a track has come to on the timeline, and how far its frames are apart. */
class TrackEnd {
  readonly #distancesMs: number[] = [];
  readonly #usualMs: number;
  #lastMs: number;

  constructor(track: Track, firstMs: number) {
    this.#usualMs = USUAL_DISTANCE_MS[track];
    this.#lastMs = firstMs;
  }

  advance(timestampMs: number): void {
    const distanceMs = msAfter(timestampMs, this.#lastMs);
    this.#lastMs = timestampMs;
    if (distanceMs <= 0) return;
    this.#distancesMs.push(distanceMs);
    if (this.#distancesMs.length > REMEMBERED_DISTANCES) this.#distancesMs.shift();
  }

  /** When the next frame is due. */
  get nextMs(): number {
    const distanceMs = this.#distancesMs.length > 0 ? Math.min(...this.#distancesMs) : this.#usualMs;
    return wrappedMs(this.#lastMs + distanceMs);
  }
}

/**
 * The one timeline of a broadcast, over several connections of its broadcaster. The first connection's timestamps pass as they are.
 * Those of a later one are moved, all by the same offset, so that its first frame follows the last one sent by about the time
 * between two frames; what then still lies before that (sound that begins a little earlier than the picture) is put there, until
 * its track has caught up.
 *
 * A timeline that is to begin somewhere treats the first connection like a later one.
 *
 * Within a connection nothing else is touched: an encoder whose clock jumps is passed on as it is.
 */
export class Timeline {
  readonly #ends = new Map<Track, TrackEnd>();
  /** What the current connection's timestamps are moved by; undefined until its first frame. */
  #offsetMs: number | undefined = 0;
  /** Where the current connection began on the timeline. */
  #resumedAtMs = 0;
  readonly #caughtUp = new Set<FlvTagType>([AUDIO, VIDEO, SCRIPT]);

  /** @param startMs where the first frame goes; by default, where its encoder puts it */
  constructor(startMs?: number) {
    if (startMs !== undefined) this.#resumeAt(wrappedMs(startMs));
  }

  /** What comes from now on is another connection's. */
  reconnect(): void {
    const due = [...this.#ends.values()].map((end) => end.nextMs);
    // Nothing was sent yet, so there is nothing to follow.
    if (due.length === 0) return;
    this.#resumeAt(due.reduce((latest, next) => (msAfter(next, latest) > 0 ? next : latest)));
  }

  /** The tag with its place on the timeline. */
  place(tag: FlvTag): FlvTag {
    const track = trackOf(tag);
    // Metadata and configurations come ahead of the first frame, with times that need have nothing to do with its own.
    if (this.#offsetMs === undefined && track === undefined) return { ...tag, timestampMs: this.#resumedAtMs };
    this.#offsetMs ??= this.#resumedAtMs - tag.timestampMs;
    const timestampMs = this.#noEarlierThanResumed(tag.type, wrappedMs(tag.timestampMs + this.#offsetMs));
    if (track !== undefined) this.#advance(track, timestampMs);
    return { ...tag, timestampMs };
  }

  #resumeAt(atMs: number): void {
    this.#resumedAtMs = atMs;
    this.#offsetMs = undefined;
    this.#caughtUp.clear();
  }

  #noEarlierThanResumed(type: FlvTagType, timestampMs: number): number {
    if (this.#caughtUp.has(type)) return timestampMs;
    if (msAfter(timestampMs, this.#resumedAtMs) < 0) return this.#resumedAtMs;
    this.#caughtUp.add(type);
    return timestampMs;
  }

  #advance(track: Track, timestampMs: number): void {
    const end = this.#ends.get(track);
    if (end) end.advance(timestampMs);
    else this.#ends.set(track, new TrackEnd(track, timestampMs));
  }
}
