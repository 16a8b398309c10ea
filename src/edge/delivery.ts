import type { MediaSocket } from './media-socket.ts';
import { ServedTime } from './served-time.ts';

/** More gates than these are never open at once: the previous epoch's, the current one's and the next one's. */
const GATES_KEPT = 3;

/** What one viewing may have, and how far it has got it. */
export class ViewingDelivery {
  readonly viewing: string;
  readonly served = new ServedTime();
  socket: MediaSocket | undefined;
  /**
   * `idle`: nothing is sent until a gate or a socket opens; `joining`: begins at the next keyframe;
   * `live`: gets every chunk of the epochs whose gate is open.
   */
  position: 'idle' | 'joining' | 'live' = 'idle';
  /** Since when it has been losing chunks because its socket is full. */
  behindSinceMs: number | undefined;
  /** By how much a long catch-up may fill its socket beyond the limit, until that has drained. */
  beganBytes = 0;
  #open: readonly { readonly epoch: number; readonly catchUp: boolean }[] = [];
  /** One of those that are open: whoever gets chunks gets more of the same epoch, and is asked for them in each pass. */
  #current: number | undefined;

  constructor(viewing: string) {
    this.viewing = viewing;
  }

  open(epoch: number, catchUp: boolean): void {
    const others = this.#open.filter((gate) => gate.epoch !== epoch);
    const granted = this.#open.some((gate) => gate.epoch === epoch && gate.catchUp);
    this.#open = [...others, { epoch, catchUp: catchUp || granted }].slice(-GATES_KEPT);
    this.#current = undefined;
  }

  /** Closes all gates but those of these epochs. */
  keep(epochs: ReadonlySet<number>): void {
    this.#open = this.#open.filter(({ epoch }) => epochs.has(epoch));
    this.#current = undefined;
  }

  /** The gate: whether this viewing may have chunks of an epoch. */
  mayHave(epoch: number): boolean {
    if (epoch === this.#current) return true;
    const isOpen = this.#open.some((gate) => gate.epoch === epoch);
    if (isOpen) this.#current = epoch;
    return isOpen;
  }

  /** Uses up the free catch-up of an epoch, if there is one. */
  takeCatchUp(epoch: number): boolean {
    const granted = this.#open.some((gate) => gate.epoch === epoch && gate.catchUp);
    if (granted) this.#open = this.#open.map((gate) => (gate.epoch === epoch ? { epoch, catchUp: false } : gate));
    return granted;
  }
}
