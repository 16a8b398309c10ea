import { setTimeout as pause } from 'node:timers/promises';
import { RawViewer } from '../e2e/raw-viewer.ts';
import { until } from '../e2e/relay-process.ts';
import type { Random } from '../sim/random.ts';

/** How a viewer leaves, and what the ledger calls it. */
const WAYS = {
  stops: 'stopped',
  'resumes, then stops': 'stopped',
  'goes away': 'disconnected',
  'falls silent': 'unconfirmed',
} as const;
type Way = keyof typeof WAYS;

const LIFE_MS = { least: 3_000, mean: 60_000, most: 600_000 };
const MOSTLY_STOPS: readonly Way[] = ['stops', 'stops', 'stops', 'resumes, then stops', 'goes away', 'falls silent'];

export interface AudienceOptions {
  readonly url: string;
  readonly programs: readonly string[];
  readonly viewers: number;
  readonly random: Random;
  readonly sign: (program: string, viewer: string) => Promise<string>;
}

/** Keeps as many watching as there are places: who leaves, by whatever way, is followed by somebody new. */
export class Audience {
  /** By end reason, of viewings that came to their end as meant. */
  readonly ended = new Map<string, number>();
  /** What went otherwise than it should. */
  readonly complaints: string[] = [];
  chunks = 0;
  bytes = 0;
  confirmations = 0;
  #came = 0;
  #over = false;
  readonly #options: AudienceOptions;
  #places: Promise<void>[] = [];

  constructor(options: AudienceOptions) {
    this.#options = options;
  }

  get viewings(): number {
    return [...this.ended.values()].reduce((sum, count) => sum + count, 0);
  }

  async fill(): Promise<void> {
    for (let place = 0; place < this.#options.viewers; place++) {
      this.#places.push(this.#keep());
      await pause(20);
    }
  }

  /** Lets everybody come to their end, and nobody follow. */
  async empty(): Promise<void> {
    this.#over = true;
    await Promise.all(this.#places);
    this.#places = [];
  }

  async #keep(): Promise<void> {
    while (!this.#over) {
      const name = `viewer-${this.#came++}`;
      await this.#live(name).catch((error) => {
        this.complaints.push(`${name}: ${error.message}`);
        return pause(1_000);
      });
    }
  }

  async #live(name: string): Promise<void> {
    const { url, programs, random, sign } = this.#options;
    const [program, way] = [random.pick(programs), random.pick(MOSTLY_STOPS)];
    const lifeMs = Math.min(LIFE_MS.most, LIFE_MS.least - LIFE_MS.mean * Math.log(1 - random.next()));
    const viewer = new RawViewer(url);
    const counting = setInterval(() => this.#count(viewer), 1_000);
    try {
      await viewer.watch(program, await sign(program, name));
      const answer = () => viewer.last('ended') ?? viewer.last('error');
      await until(() => viewer.chunks.length > 0 || answer(), 'a picture', 30_000);
      if (viewer.chunks.length === 0) throw new Error(`no picture, but ${JSON.stringify(answer())}`);
      await this.#watch(viewer, lifeMs);
      await this.#leave(viewer, way);
      const reason = WAYS[way];
      this.ended.set(reason, (this.ended.get(reason) ?? 0) + 1);
    } finally {
      clearInterval(counting);
      this.#count(viewer);
      viewer.close();
    }
  }

  /** @throws Error where the relay ends it of itself */
  async #watch(viewer: RawViewer, lifeMs: number): Promise<void> {
    for (const fromMs = performance.now(); performance.now() - fromMs < lifeMs && !this.#over; ) {
      await pause(250);
      const end = viewer.last('ended');
      if (end !== undefined) throw new Error(`ended as ${end.reason} after ${Math.round(performance.now() - fromMs)} ms`);
    }
  }

  async #leave(viewer: RawViewer, way: Way): Promise<void> {
    if (way === 'goes away') return;
    if (way === 'falls silent') {
      viewer.answers = () => false;
    } else {
      if (way === 'resumes, then stops') await this.#resume(viewer);
      viewer.say({ type: 'stop' });
    }
    const end = await until(() => viewer.last('ended'), `the end of one who ${way}`, 30_000);
    if (end.reason !== WAYS[way]) throw new Error(`${way}, and ended as ${end.reason}`);
  }

  async #resume(viewer: RawViewer): Promise<void> {
    viewer.control.terminate();
    await viewer.resume();
    await until(() => viewer.last('viewing')?.resumed, 'the viewing goes on', 10_000);
    await this.#watch(viewer, LIFE_MS.least);
  }

  /** And forgets what was counted, for the memory of hours. */
  #count(viewer: RawViewer): void {
    this.chunks += viewer.chunks.length;
    this.bytes += viewer.wire.reduce((sum, { length }) => sum + length, 0);
    this.confirmations += viewer.messages.filter(({ type }) => type === 'confirmed').length;
    viewer.chunks.length = 0;
    viewer.wire.length = 0;
    viewer.messages.splice(0, viewer.messages.length, ...viewer.messages.filter(({ type }) => !FLEETING.has(type)));
    for (const epoch of [...viewer.keys.keys()].slice(0, -3)) viewer.keys.delete(epoch);
  }
}

const FLEETING: ReadonlySet<string> = new Set(['confirmed', 'key', 'media']);
