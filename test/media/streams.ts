import fc from 'fast-check';
import { Flag } from '../../src/media/chunk.ts';
import { configurationSlot, type FlvTag, type FlvTags, isKeyframe, isMetadata } from '../../src/media/flv.ts';
import {
  aacConfiguration,
  avcConfiguration,
  interframe,
  keyframe,
  metadata,
  parsePreamble,
  parseTags,
  script,
  sound,
  video,
} from './tags.ts';

const slotOf = (tag: FlvTag): string | undefined => (isMetadata(tag) ? 'metadata' : configurationSlot(tag));

/** One line, so that long streams compare fast. */
const lineOf = ({ type, timestampMs, data }: FlvTag): string => `${type}@${timestampMs} ${data.toString('hex')}`;

type Context = ReadonlyMap<string, FlvTag>;

/** A tag that a viewer passes to its decoders, behind all that they were told before. */
const inContext = (tag: FlvTag, context: Context): string =>
  `${[...context.values()].map(lineOf).sort().join()} | ${lineOf(tag)}`;

/** What a viewer is to see of a broadcast. */
export class ExpectedStream {
  readonly tags: string[] = [];
  /** For each tag, how many tags before it the last keyframe stands; undefined before the first. */
  readonly sinceKeyframe: (number | undefined)[] = [];

  constructor(reads: readonly FlvTags[]) {
    const context = new Map<string, FlvTag>();
    let since: number | undefined;
    for (const tag of reads.flat()) {
      const slot = slotOf(tag);
      if (slot !== undefined) {
        if (!context.get(slot)?.data.equals(tag.data)) context.set(slot, tag);
        continue;
      }
      since = isKeyframe(tag) ? 0 : since === undefined ? undefined : since + 1;
      this.sinceKeyframe.push(since);
      this.tags.push(inContext(tag, context));
    }
  }

  /** The last `count` tags up to the one that is `end`-th, counted from 1. */
  endingAt(end: number, count: number): string[] {
    return this.tags.slice(end - count, end);
  }
}

/** What a viewer sees that is given these plaintexts in this order. */
export class SeenStream {
  readonly tags: string[] = [];
  #context: Context | undefined;

  add({ flags, plaintext }: { readonly flags: number; readonly plaintext: Buffer }): void {
    if (flags & Flag.preamble) {
      this.#context = new Map(parsePreamble(plaintext).tags.map((tag) => [slotOf(tag) ?? 'none', tag]));
      return;
    }
    if (this.#context === undefined) throw new Error('a chunk before the first preamble');
    for (const tag of parseTags(plaintext)) this.tags.push(inContext(tag, this.#context));
  }
}

/** Reads of a broadcast with picture and sound, in which everything may change and repeat at any time. */
export function streamOf({ reads }: { reads: number }): fc.Arbitrary<FlvTag[][]> {
  const version = fc.constantFrom('a', 'b', 'a longer one');
  const kind = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(interframe, sound) },
    { weight: 2, arbitrary: fc.constant(keyframe) },
    { weight: 1, arbitrary: version.map((body) => (atMs: number) => avcConfiguration(atMs, body)) },
    { weight: 1, arbitrary: version.map((body) => (atMs: number) => aacConfiguration(atMs, body)) },
    { weight: 1, arbitrary: version.map((encoder) => (atMs: number) => metadata(atMs, { videocodecid: 7, encoder })) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        (atMs: number) => script(atMs, 2, 0, 6, 'onText'),
        (atMs: number) => video(atMs, 0x57, 0),
      ),
    },
  );
  const shape = fc.array(fc.array(kind, { maxLength: 6 }), { minLength: 1, maxLength: reads });
  return shape.map((shape) => {
    let atMs = 0;
    const later = () => {
      atMs += 20;
      return atMs;
    };
    return [[metadata(0), avcConfiguration(0)], ...shape.map((read) => read.map((make) => make(later())))];
  });
}
