import type { PublicationSink } from '../../src/ingest/publication.ts';
import { type FlvTag, VIDEO } from '../../src/media/flv.ts';
import type { Random } from './random.ts';
import type { SimStudio } from './studio.ts';
import type { SimTime } from './time.ts';

/** AVC: a decoder configuration, and what precedes a keyframe's and another picture's bytes. */
const CONFIGURATION = Buffer.from([0x17, 0, 0, 0, 0, 1, 100, 0, 31]);
const KEYFRAME = Buffer.from([0x17, 1, 0, 0, 0]);
const PICTURE = Buffer.from([0x27, 1, 0, 0, 0]);
export const PICTURE_HEADER_BYTES = KEYFRAME.length;

export const streamKeyOf = (program: string): string => `stream key of ${program}`;

/** Somebody with an encoder. Each picture of it says whose it is, and which. */
export class SimSource {
  readonly program: string;
  readonly name: string;
  readonly #time: SimTime;
  readonly #random: Random;
  readonly #groupMs: number;
  readonly #streamKey: string;
  #studio: SimStudio | undefined;
  #sink: PublicationSink | undefined;
  #pictures = 0;
  #keyframeMs = Number.NEGATIVE_INFINITY;
  #isAsking = false;
  /** It was cut off, and may not send any more. */
  kicked: () => void = () => undefined;

  constructor(
    program: string,
    /** Who, and which: "broadcaster 3". */
    who: string,
    time: SimTime,
    random: Random,
    streamKey = streamKeyOf(program),
  ) {
    this.program = program;
    this.name = `${who} of ${program}`;
    this.#time = time;
    this.#random = random;
    this.#groupMs = random.pick([1_000, 2_000, 4_000, 11_000]);
    this.#streamKey = streamKey;
  }

  get isOn(): boolean {
    return this.#sink !== undefined && this.#studio?.process.isAlive === true;
  }

  get studio(): SimStudio | undefined {
    return this.#studio;
  }

  /** @returns undefined if it may send, or else why it was refused */
  async publish(studio: SimStudio): Promise<string | undefined> {
    if (this.#isAsking || this.isOn) return 'busy';
    this.#isAsking = true;
    const { program } = this;
    const decision = await studio.broadcasts.publish({ program, streamKey: this.#streamKey, remoteAddress: '' });
    this.#isAsking = false;
    if (!decision.accepted) return decision.code;
    const { sink } = decision;
    this.#studio = studio;
    this.#sink = sink;
    sink.onKick(() => {
      if (this.#sink !== sink) return;
      this.#lose();
      this.kicked();
    });
    this.#keyframeMs = Number.NEGATIVE_INFINITY;
    this.#send([this.#tag(CONFIGURATION)]);
    this.#next(sink, 0);
    return undefined;
  }

  /** Its connection is gone, or it has stopped. */
  drop(how: 'unpublished' | 'dropped'): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    this.#lose();
    sink.end(how);
  }

  /** What it had sent before may still come in. */
  #lose(): void {
    const sink = this.#sink;
    this.#sink = undefined;
    this.#time.after(this.#random.between(0, 300), () =>
      sink?.write([this.#tag(Buffer.concat([PICTURE, Buffer.from('too late')]))]),
    );
  }

  #next(sink: PublicationSink, delayMs: number): void {
    this.#time.after(delayMs, () => {
      if (this.#sink !== sink) return;
      if (this.#studio?.process.isAlive !== true) {
        this.#sink = undefined;
        return;
      }
      const { nowMs } = this.#time;
      const isKeyframe = nowMs - this.#keyframeMs >= this.#groupMs;
      if (isKeyframe) this.#keyframeMs = nowMs;
      const picture = Buffer.from(`${this.name} ${this.#pictures++}`);
      this.#send([this.#tag(Buffer.concat([isKeyframe ? KEYFRAME : PICTURE, picture]))]);
      // Now and then an encoder stalls.
      this.#next(sink, this.#random.chance(0.005) ? this.#random.between(800, 3_000) : this.#random.between(150, 350));
    });
  }

  #send(tags: FlvTag[]): void {
    this.#sink?.write(tags);
  }

  #tag(data: Buffer): FlvTag {
    return { type: VIDEO, timestampMs: Math.round(this.#time.nowMs), data };
  }
}
