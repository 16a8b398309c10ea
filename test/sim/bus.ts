import type { Bus, Delivery, EdgeAnnouncement, GateChange } from '../../src/bus/bus.ts';
import { deliveryFromJson, deliveryToJson } from '../../src/bus/nats-messages.ts';
import type { SealedChunk } from '../../src/media/chunk.ts';
import type { Random } from './random.ts';
import type { SimProcess, SimTime } from './time.ts';

interface Listening<T> {
  readonly process: SimProcess;
  readonly listener: T;
  /** It has unsubscribed: what is on its way is for nobody. */
  isOver?: boolean;
}

type ChunkListener = { chunk(chunk: SealedChunk): void; lost(): void };
type GateListener = { change(change: GateChange): void; snapshot(changes: readonly GateChange[]): void };

/**
 * What carries messages between processes: late, in order on each way, and nothing while it is out. As over NATS, deliveries wait for
 * an authority that takes them, edges ask for all gates whenever they may have missed some, and times cross as ages.
 */
export class SimBus {
  readonly #time: SimTime;
  readonly #random: Random;
  readonly #maxLatencyMs: number;
  readonly #count: (what: string) => void;
  readonly #chunks = new Map<string, Set<Listening<ChunkListener>>>();
  readonly #catchUps = new Map<string, Listening<() => readonly SealedChunk[]>>();
  readonly #gates = new Map<string, Listening<GateListener>>();
  readonly #announcements = new Set<Listening<(announcement: EdgeAnnouncement) => void>>();
  #deliveries: Listening<(delivery: Delivery) => void> | undefined;
  #snapshots: Listening<(edge: string) => readonly GateChange[]> | undefined;
  readonly #kept: { readonly from: SimProcess; readonly delivery: Delivery }[] = [];
  readonly #arrivesMs = new Map<string, number>();
  #isOut = false;

  /** @param count for figures */
  constructor(time: SimTime, random: Random, maxLatencyMs: number, count: (what: string) => void) {
    this.#count = count;
    this.#time = time;
    this.#random = random;
    this.#maxLatencyMs = maxLatencyMs;
  }

  outage(forMs: number): void {
    this.#isOut = true;
    this.#time.after(forMs, () => {
      this.#isOut = false;
      for (const listening of this.#chunks.values())
        for (const { process, listener } of listening) if (process.isAlive) listener.lost();
      for (const edge of this.#gates.keys()) this.#askSnapshot(edge);
      this.#deliverKept();
    });
  }

  /** The bus as one process has it. */
  endOf(process: SimProcess): Bus {
    return {
      chunks: {
        publish: (program, chunk) => {
          for (const to of this.#chunks.get(program) ?? []) this.#carryChunk(`chunks ${program} ${to.process.boot}`, to, chunk);
        },
        subscribe: (program, listener) => this.#join(this.#chunkListeners(program), { process, listener }),
        serveCatchUp: (program, chunks) => {
          const serving = { process, listener: chunks };
          this.#catchUps.set(program, serving);
          return () => {
            if (this.#catchUps.get(program) === serving) this.#catchUps.delete(program);
          };
        },
        catchUp: (program) =>
          new Promise((resolve) => {
            this.#time.after(this.#latencyMs() + this.#latencyMs(), () => {
              const serving = this.#isOut ? undefined : this.#catchUps.get(program);
              resolve(serving?.process.isAlive ? serving.listener() : []);
            });
          }),
      },
      gates: {
        publish: (edge, change) => {
          const to = this.#gates.get(edge);
          if (to !== undefined) this.#carry(`gates ${edge}`, to, (listener) => listener.change(change));
        },
        serveSnapshots: (changes) => {
          this.#snapshots = { process, listener: changes };
          for (const edge of this.#gates.keys()) this.#askSnapshot(edge);
          return () => undefined;
        },
        subscribe: (edge, listener) => {
          const listening: Listening<GateListener> = { process, listener };
          this.#gates.set(edge, listening);
          this.#askSnapshot(edge);
          return () => {
            listening.isOver = true;
            if (this.#gates.get(edge) === listening) this.#gates.delete(edge);
          };
        },
      },
      deliveries: {
        publish: (delivery) => {
          this.#kept.push({ from: process, delivery });
          this.#deliverKept();
        },
        subscribe: (listener) => {
          this.#deliveries = { process, listener };
          this.#deliverKept();
          return () => undefined;
        },
      },
      edges: {
        publish: (announcement) => {
          for (const to of this.#announcements) this.#carry(`edges ${to.process.boot}`, to, (tell) => tell(announcement));
        },
        subscribe: (listener) => this.#join(this.#announcements, { process, listener }),
      },
      close: async () => undefined,
    };
  }

  #chunkListeners(program: string): Set<Listening<ChunkListener>> {
    const known = this.#chunks.get(program) ?? new Set();
    this.#chunks.set(program, known);
    return known;
  }

  #join<T>(all: Set<Listening<T>>, one: Listening<T>): () => void {
    all.add(one);
    return () => {
      one.isOver = true;
      all.delete(one);
    };
  }

  /** Now and then one is lost, comes twice, or late. */
  #carryChunk(way: string, to: Listening<ChunkListener>, chunk: SealedChunk): void {
    const tell = ({ chunk: listener }: ChunkListener) => listener(chunk);
    const chance = this.#random.next();
    if (chance < 0.002) {
      this.#count('messages: chunks lost');
      return;
    }
    if (chance < 0.006) {
      this.#count('messages: chunks that came twice');
      this.#carry(way, to, tell);
    } else if (chance < 0.01) {
      this.#count('messages: chunks out of order');
      this.#carry(`${way} round about`, to, tell, 150);
      return;
    }
    this.#carry(way, to, tell);
  }

  /** In the order of the calls. */
  #carry<T>(way: string, to: Listening<T>, deliver: (listener: T) => void, moreMs = 0): void {
    if (this.#isOut) {
      this.#count('messages: lost on the bus');
      return;
    }
    const atMs = Math.max(this.#arrivesMs.get(way) ?? 0, this.#time.nowMs + this.#latencyMs() + moreMs);
    this.#arrivesMs.set(way, atMs);
    this.#time.at(atMs, () => {
      if (to.process.isAlive && !to.isOver) deliver(to.listener);
    });
  }

  #askSnapshot(edge: string): void {
    this.#time.after(this.#latencyMs(), () => {
      const changes = this.#isOut || !this.#snapshots?.process.isAlive ? undefined : this.#snapshots.listener(edge);
      const to = this.#gates.get(edge);
      if (changes !== undefined && to !== undefined) this.#carry(`gates ${edge}`, to, (listener) => listener.snapshot(changes));
    });
  }

  #deliverKept(): void {
    if (this.#isOut || !this.#deliveries?.process.isAlive) return;
    const to = this.#deliveries;
    for (const { from, delivery } of this.#kept.splice(0)) {
      if (!from.isAlive) continue;
      const json = deliveryToJson(delivery, from);
      this.#carry('deliveries', to, (tell) => tell(deliveryFromJson(delivery.edge, json, to.process)));
    }
  }

  #latencyMs(): number {
    return this.#random.between(1, this.#maxLatencyMs);
  }
}
