import { backOffMs } from '../back-off.ts';
import type { Timers } from '../clock.ts';
import type { GateChange } from './bus.ts';
import type { GateMessage, GateSnapshot } from './nats-messages.ts';

/** Of the question for a snapshot, while nobody answers. A beat ends the wait: there is an authority again. */
const RETRY = { firstMs: 250, mostMs: 4_000 };
/** Changes that wait for the snapshot before them; beyond it the oldest go, and are missed once more afterwards. */
const MAX_WAITING = 100_000;

export interface GateReceiverPorts {
  readonly timers: Timers;
  /** In [0, 1). */
  random(): number;
  /** The authority's answer; undefined if there is none. Never rejects. */
  ask(): Promise<GateSnapshot | undefined>;
  change(change: GateChange): void;
  snapshot(changes: readonly GateChange[]): void;
}

/**
 * An edge's side of the gates: passes changes on in order, none twice; when one is missing, or another authority speaks, it asks for
 * all that should be open. While nobody answers, what was open stays open: every gate ends with its epoch by itself.
 */
export class GateReceiver {
  readonly #ports: GateReceiverPorts;
  #boot = '';
  #seq = 0;
  /** Changes that came since a snapshot was asked for; undefined while none is missing. */
  #waiting: GateMessage[] | undefined;
  /** Counts the questions: the answer to one before the latest is nothing. */
  #question = 0;
  #attempt = 0;
  #cancelRetry: (() => void) | undefined;

  constructor(ports: GateReceiverPorts) {
    this.#ports = ports;
  }

  /** At the start, and after the connection was lost: anything may have been missed. */
  missed(): void {
    this.#attempt = 0;
    this.#askAnew();
  }

  receive(message: GateMessage): void {
    if (this.#waiting !== undefined) {
      if (message.change !== undefined) this.#waiting.push(message);
      else if (this.#cancelRetry !== undefined) this.#askAnew();
      if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
      return;
    }
    const { boot, seq, change } = message;
    const isMissing = change === undefined ? seq > this.#seq : seq > this.#seq + 1;
    if (boot !== this.#boot || isMissing) {
      this.#waiting = change === undefined ? [] : [message];
      this.missed();
    } else if (change !== undefined && seq > this.#seq) {
      this.#seq = seq;
      this.#ports.change(change);
    }
  }

  close(): void {
    this.#question++;
    this.#cancelRetry?.();
  }

  #askAnew(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#waiting ??= [];
    void this.#ask(++this.#question);
  }

  async #ask(question: number): Promise<void> {
    const snapshot = await this.#ports.ask();
    if (question !== this.#question) return;
    if (snapshot !== undefined) {
      this.#restore(snapshot);
      return;
    }
    const waitMs = backOffMs(this.#attempt++, this.#ports.random(), RETRY);
    this.#cancelRetry = this.#ports.timers.after(waitMs, () => this.#askAnew());
  }

  #restore({ boot, seq, changes }: GateSnapshot): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    this.#attempt = 0;
    this.#boot = boot;
    this.#seq = seq;
    this.#ports.snapshot(changes);
    // Those of an authority that is gone by now, or that came since, are left out: its beat tells.
    for (const message of waiting) if (message.boot === boot) this.receive(message);
  }
}
