import { randomUUID } from 'node:crypto';
import type { Clock, Timers } from '../clock.ts';
import type { GateChange } from './bus.ts';
import type { GateMessage, GateSnapshot } from './nats-messages.ts';

/** How soon an edge notices that the last change did not arrive: with its question, within a second. */
export const BEAT_MS = 500;
/** Edges announce themselves each second. */
const FORGET_SILENT_MS = 60_000;

export interface GateSenderPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  send(edge: string, message: GateMessage): void;
}

/**
 * The authority's side of the gates: numbers the changes for each edge, so that an edge knows when it missed one. Nothing is kept to
 * be sent again; the snapshot makes good what was lost. There are as many series as edges with a credential that were heard lately.
 */
export class GateSender {
  readonly #ports: GateSenderPorts;
  readonly #series = new Map<string, { readonly boot: string; seq: number; heardMs: number }>();
  #cancelBeat: () => void = () => undefined;

  constructor(ports: GateSenderPorts) {
    this.#ports = ports;
  }

  start(): void {
    this.#cancelBeat = this.#ports.timers.after(BEAT_MS, () => {
      this.#beat();
      this.start();
    });
  }

  close(): void {
    this.#cancelBeat();
  }

  /** The edge is there. */
  heard(edge: string): void {
    this.#of(edge).heardMs = this.#ports.clock.nowMs();
  }

  publish(edge: string, change: GateChange): void {
    const series = this.#of(edge);
    series.seq++;
    this.#ports.send(edge, { boot: series.boot, seq: series.seq, change });
  }

  /** @param changes all that the edge should have open now */
  snapshot(edge: string, changes: readonly GateChange[]): GateSnapshot {
    const { boot, seq } = this.#of(edge);
    return { boot, seq, changes: [...changes] };
  }

  #of(edge: string) {
    const series = this.#series.get(edge) ?? { boot: randomUUID(), seq: 0, heardMs: this.#ports.clock.nowMs() };
    this.#series.set(edge, series);
    return series;
  }

  #beat(): void {
    const silentSinceMs = this.#ports.clock.nowMs() - FORGET_SILENT_MS;
    for (const [edge, { boot, seq, heardMs }] of this.#series) {
      if (heardMs < silentSinceMs) this.#series.delete(edge);
      else this.#ports.send(edge, { boot, seq });
    }
  }
}
