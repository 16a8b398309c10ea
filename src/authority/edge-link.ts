import type { SpanMs } from '../billing/viewing-record.ts';
import type { Delivery, GateChange } from '../bus/bus.ts';
import type { Timers } from '../clock.ts';
import { KEYS_KEPT } from '../viewing/viewing.ts';

/** How long the end of a viewing waits for its edge to say what it sent last. */
const CLOSE_WAIT_MS = 1_000;

export interface EdgeLinkPorts {
  readonly timers: Timers;
  gate(edge: string, change: GateChange): void;
  tooSlow(): void;
  /** The gate is closed: when the last chunk was sent, if any was. */
  closed(lastChunkMs: number | undefined): void;
}

/** One viewing at the edge that serves it: which gates are open there, and what it was served. */
export class EdgeLink {
  readonly #viewing: { readonly program: string; readonly viewing: string };
  readonly #ports: EdgeLinkPorts;
  #edge: string | undefined;
  /** Every edge that it was with. */
  readonly #edges = new Set<string>();
  #open: readonly Extract<GateChange, { kind: 'open' }>[] = [];
  #servedMs: number | undefined;
  #cancelWait: () => void = () => undefined;

  constructor(viewing: { readonly program: string; readonly viewing: string }, ports: EdgeLinkPorts) {
    this.#viewing = viewing;
    this.#ports = ports;
  }

  /** Undefined before the first ticket. */
  get edge(): string | undefined {
    return this.#edge;
  }

  /** What that edge should have open. */
  get gates(): readonly GateChange[] {
    return this.#open;
  }

  /** From here on another edge serves the viewing: it is told what is open. What was granted at the one before was for there. */
  moveTo(edge: string): void {
    if (this.#edge !== undefined) {
      this.#ports.gate(this.#edge, { kind: 'close', ...this.#viewing });
      this.#open = this.#open.map((gate) => ({ ...gate, catchUp: false }));
    }
    this.#edge = edge;
    this.#edges.add(edge);
    for (const gate of this.#open) this.#ports.gate(edge, gate);
  }

  open(epoch: number, catchUp: boolean): void {
    const gate = { kind: 'open', ...this.#viewing, epoch, catchUp } as const;
    this.#open = [...this.#open.filter((known) => known.epoch !== epoch), gate].slice(-KEYS_KEPT);
    if (this.#edge !== undefined) this.#ports.gate(this.#edge, gate);
  }

  /** Nothing is open any more until the next gate. */
  shut(): void {
    this.#open = [];
  }

  /** An edge that does not answer in time is gone, and sent no later chunk than it reported. */
  close(): void {
    this.#open = [];
    this.#cancelWait = this.#ports.timers.after(CLOSE_WAIT_MS, () => this.#closed(undefined));
    if (this.#edge === undefined) this.#closed(undefined);
    else this.#ports.gate(this.#edge, { kind: 'close', ...this.#viewing });
  }

  /**
   * What counts of an edge's report of served time: nothing where it was never sent there, and nothing that counts already, for
   * after a change of edge both may have served for an instant.
   */
  served(edge: string, { fromMs, toMs }: SpanMs): SpanMs | undefined {
    const span = { fromMs: Math.max(fromMs, this.#servedMs ?? fromMs), toMs };
    if (!this.#edges.has(edge) || span.toMs <= span.fromMs) return undefined;
    this.#servedMs = toMs;
    return span;
  }

  delivered(delivery: Exclude<Delivery, { kind: 'served' }>): void {
    if (delivery.edge !== this.#edge) return;
    if (delivery.kind === 'too-slow') this.#ports.tooSlow();
    else this.#closed(delivery.lastChunkMs);
  }

  /** An edge that the viewing came to last may have sent nothing: what another one served before counts as well. */
  #closed(lastChunkMs: number | undefined): void {
    this.#cancelWait();
    const times = [lastChunkMs, this.#servedMs].filter((ms) => ms !== undefined);
    this.#ports.closed(times.length === 0 ? undefined : Math.max(...times));
  }
}
