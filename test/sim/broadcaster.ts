import type { Authority } from '../../src/authority/authority.ts';
import { localKeySource } from '../../src/authority/local-key-source.ts';
import type { Bus } from '../../src/bus/bus.ts';
import type { BroadcastReports } from '../../src/encryptor/key-source.ts';
import { Flag, type SealedChunk } from '../../src/media/chunk.ts';
import { KeyframeCache } from '../../src/media/keyframe-cache.ts';
import { Sealer } from '../../src/media/sealer.ts';
import type { Oracle } from './oracle.ts';
import type { Random } from './random.ts';
import type { SimProcess } from './time.ts';

const PLAINTEXT = Buffer.from('a picture');
const GRACE_MS = 4_000;

/** Somebody who broadcasts a program, and the encryptor in the authority's process that seals it. */
export class SimBroadcast {
  readonly program: string;
  readonly run: string;
  readonly #process: SimProcess;
  readonly #random: Random;
  readonly #sealer: Sealer;
  readonly #reports: BroadcastReports;
  readonly #groupMs: number;
  #keyframeMs = 0;
  #state: 'on-air' | 'away' | 'over' = 'on-air';
  #cancelGrace: () => void = () => undefined;
  #cancelNext: () => void = () => undefined;
  readonly #stopServing: () => void;

  constructor(
    program: string,
    run: string,
    ports: { process: SimProcess; authority: Authority; bus: Bus; random: Random; oracle: Oracle },
  ) {
    const { process, authority, bus, random, oracle } = ports;
    this.program = program;
    this.run = run;
    this.#process = process;
    this.#random = random;
    this.#groupMs = random.pick([1_000, 2_000, 4_000, 11_000]);
    this.#sealer = new Sealer({
      clock: process,
      timers: process,
      onBegan: ({ epoch, atMs }) => {
        oracle.began(program, epoch, run);
        this.#reports.began(epoch, atMs);
      },
    });
    const joining = new KeyframeCache<SealedChunk>(process);
    this.#stopServing = bus.chunks.serveCatchUp(program, () => [...joining]);
    this.#sealer.on('data', (chunk: SealedChunk) => {
      if (!process.isAlive) return;
      oracle.sealed(program, chunk.epoch, chunk.counter, run);
      joining.add(chunk);
      bus.chunks.publish(program, chunk);
    });
    this.#sealer.on('error', () => undefined);
    this.#reports = localKeySource(authority).begin(program, run, {
      offer: (offer) => {
        oracle.keyMade(program, offer.key.epoch, Buffer.from(offer.key.contentKey).toString('hex'));
        this.#sealer.offer(offer);
      },
      end: () => this.#over(),
    });
    this.#write(Flag.preamble);
    this.#next(0);
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  away(): void {
    if (this.#state !== 'on-air') return;
    this.#state = 'away';
    this.#cancelNext();
    this.#sealer.suspend();
    this.#reports.away();
    this.#cancelGrace = this.#process.after(GRACE_MS, () => this.end());
  }

  back(): void {
    if (this.#state !== 'away') return;
    this.#state = 'on-air';
    this.#cancelGrace();
    this.#reports.back();
    this.#write(Flag.preamble);
    this.#keyframeMs = 0;
    this.#next(0);
  }

  end(): void {
    if (this.#state === 'over') return;
    this.#reports.ended('broadcast-ended');
    this.#over();
  }

  #over(): void {
    this.#state = 'over';
    this.#cancelNext();
    this.#cancelGrace();
    this.#stopServing();
    this.#sealer.destroy();
  }

  #next(delayMs: number): void {
    this.#cancelNext = this.#process.after(delayMs, () => {
      const nowMs = this.#process.nowMs();
      const isKeyframe = this.#keyframeMs === 0 || nowMs - this.#keyframeMs >= this.#groupMs;
      if (isKeyframe) this.#keyframeMs = Math.max(1, nowMs);
      this.#write(isKeyframe ? Flag.keyframe : 0);
      // Now and then an encoder stalls.
      this.#next(this.#random.chance(0.005) ? this.#random.between(800, 3_000) : this.#random.between(150, 350));
    });
  }

  #write(flags: number): void {
    if (this.#state === 'over') return;
    this.#sealer.write({ flags, plaintext: PLAINTEXT, timestampMs: this.#process.nowMs() });
  }
}
