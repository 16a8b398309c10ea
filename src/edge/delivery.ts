import type { MediaMessage } from './media-message.ts';
import { ServedTime } from './served-time.ts';

/** A media socket, as far as the edge needs it. */
export interface MediaSocket {
  /** Whether what is sent still leaves: a socket that is being closed takes it and drops it. */
  readonly isOpen: boolean;
  /** Bytes that were given to it and not yet to the network. */
  readonly bufferedBytes: number;
  send(message: MediaMessage): void;
  close(code: number, reason: string): void;
}

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

  constructor(viewing: string) {
    this.viewing = viewing;
  }

  open(epoch: number, catchUp: boolean): void {
    const others = this.#open.filter((gate) => gate.epoch !== epoch);
    const granted = this.#open.some((gate) => gate.epoch === epoch && gate.catchUp);
    this.#open = [...others, { epoch, catchUp: catchUp || granted }].slice(-GATES_KEPT);
  }

  /** Closes all gates but those of these epochs. */
  keep(epochs: ReadonlySet<number>): void {
    this.#open = this.#open.filter(({ epoch }) => epochs.has(epoch));
  }

  /** The gate: whether this viewing may have chunks of an epoch. */
  mayHave(epoch: number): boolean {
    // For each viewer in each pass: no closure is made for it.
    for (const gate of this.#open) if (gate.epoch === epoch) return true;
    return false;
  }

  /** Uses up the free catch-up of an epoch, if there is one. */
  takeCatchUp(epoch: number): boolean {
    const granted = this.#open.some((gate) => gate.epoch === epoch && gate.catchUp);
    if (granted) this.#open = this.#open.map((gate) => (gate.epoch === epoch ? { epoch, catchUp: false } : gate));
    return granted;
  }
}
