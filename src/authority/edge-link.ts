import { normalise } from '../billing/spans.ts';
import type { SpanMs } from '../billing/viewing-record.ts';
import type { Delivery, GateChange } from '../bus/bus.ts';
import type { Clock, Timers } from '../clock.ts';
import { KEYS_KEPT } from '../viewing/viewing.ts';

/** How long the end of a viewing waits for its edge to say what it sent last. */
const CLOSE_WAIT_MS = 1_000;
/** Reports come in order from each edge, and late from one that was left: gaps between them are few. */
const COUNTED_KEPT = 32;
/** Reports come every 2 s. */
const UNREACHED_MS = 5_000;

export interface EdgeLinkPorts {
  readonly clock: Clock;
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
  /** Every edge that it was with: since when at first, and when it left it last. */
  readonly #stays = new Map<string, SpanMs>();
  /** The time that counts already. */
  #counted: readonly SpanMs[] = [];
  /** When the first ticket was asked for since this edge served something last. */
  #unservedMs: number | undefined;
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
    const nowMs = this.#ports.clock.nowMs();
    const sinceMs = (at: string): number => this.#stays.get(at)?.fromMs ?? nowMs;
    if (this.#edge !== undefined) {
      this.#stays.set(this.#edge, { fromMs: sinceMs(this.#edge), toMs: nowMs });
      this.#ports.gate(this.#edge, { kind: 'close', ...this.#viewing });
      this.#open = this.#open.map((gate) => ({ ...gate, catchUp: false }));
    }
    this.#edge = edge;
    this.#stays.set(edge, { fromMs: sinceMs(edge), toMs: Number.POSITIVE_INFINITY });
    this.#unservedMs = undefined;
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

  /** Another ticket is asked for. @returns whether the present edge cannot be reached, as it seems: tickets for it have long brought nothing */
  ticketed(): boolean {
    const nowMs = this.#ports.clock.nowMs();
    this.#unservedMs ??= nowMs;
    return nowMs - this.#unservedMs >= UNREACHED_MS;
  }

  /**
   * What counts of an edge's report of served time: nothing where the viewing was never sent there, nothing from before it was or after
   * it left, and nothing that counts already, for after a change of edge both may have served for an instant.
   */
  served(edge: string, { fromMs, toMs }: SpanMs): readonly SpanMs[] {
    const stay = this.#stays.get(edge);
    if (stay === undefined) return [];
    const reported = { fromMs: Math.max(fromMs, stay.fromMs), toMs: Math.min(toMs, stay.toMs) };
    const news = this.#counted.reduce<readonly SpanMs[]>(
      (left, counted) => left.flatMap((span) => without(span, counted)),
      [reported],
    );
    const spans = news.filter((span) => span.toMs > span.fromMs);
    if (spans.length === 0) return [];
    this.#counted = normalise([...this.#counted, ...spans]).slice(-COUNTED_KEPT);
    this.#servedMs = Math.max(toMs, this.#servedMs ?? toMs);
    this.#unservedMs = undefined;
    return spans;
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

/** The parts of a span that another one does not cover. */
const without = ({ fromMs, toMs }: SpanMs, covered: SpanMs): SpanMs[] =>
  [
    { fromMs, toMs: Math.min(toMs, covered.fromMs) },
    { fromMs: Math.max(fromMs, covered.toMs), toMs },
  ].filter((part) => part.toMs > part.fromMs);
