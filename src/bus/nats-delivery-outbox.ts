import { randomUUID } from 'node:crypto';
import { backOffMs } from '../back-off.ts';
import type { Clock, Timers } from '../clock.ts';
import type { Delivery } from './bus.ts';
import { type DeliveryBatch, deliveryToJson } from './nats-messages.ts';

/** What waits while nobody takes it: about 30 MB. */
const MAX_WAITING_SPANS = 200_000;
/** What goes together: about 150 KB. */
const BATCH_SPANS = 2_000;
const RETRY = { firstMs: 250, mostMs: 4_000 };

export interface DeliveryOutboxPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  /** In [0, 1). */
  random(): number;
  /** @returns the number of the next delivery that is wanted; undefined if nobody answers. Never rejects. */
  send(batch: DeliveryBatch): Promise<number | undefined>;
  /** Deliveries were given up because too many waited. */
  lost(deliveries: number): void;
}

/**
 * An edge's deliveries on their way to the authority. Bills are made from them, so that each is kept until the authority has said that
 * it has it; one batch is on its way at a time, which keeps their order. Times are turned into ages each time one is sent.
 */
export class DeliveryOutbox {
  readonly #ports: DeliveryOutboxPorts;
  readonly #boot = randomUUID();
  #waiting: Delivery[] = [];
  #waitingSpans = 0;
  /** Number of the first that waits. */
  #first = 0;
  #sending = false;
  #attempt = 0;
  #cancelRetry: (() => void) | undefined;
  #emptied: () => void = () => undefined;
  #closed = false;

  constructor(ports: DeliveryOutboxPorts) {
    this.#ports = ports;
  }

  /** What waits to be taken, counted as in its bound. */
  get waiting(): number {
    return this.#waitingSpans;
  }

  push(delivery: Delivery): void {
    for (const part of parts(delivery)) {
      this.#waiting.push(part);
      this.#waitingSpans += spansIn(part);
    }
    this.#makeRoom();
    void this.#send();
  }

  /** The connection is back: no need to wait any longer. */
  retry(): void {
    this.#attempt = 0;
    if (this.#cancelRetry === undefined) return;
    this.#cancelRetry();
    this.#cancelRetry = undefined;
    void this.#send();
  }

  /** Waits for the last one to be taken, but no longer than that. */
  async close(withinMs: number): Promise<void> {
    if (this.#waiting.length > 0) {
      const emptied = Promise.withResolvers<void>();
      this.#emptied = emptied.resolve;
      const cancel = this.#ports.timers.after(withinMs, emptied.resolve);
      await emptied.promise;
      cancel();
    }
    this.#closed = true;
    this.#cancelRetry?.();
  }

  async #send(): Promise<void> {
    if (this.#sending || this.#closed || this.#cancelRetry !== undefined) return;
    this.#sending = true;
    while (this.#waiting.length > 0) {
      const next = await this.#ports.send(this.#batch());
      if (next === undefined || this.#closed) break;
      this.#attempt = 0;
      this.#drop(Math.min(next - this.#first, this.#waiting.length));
    }
    this.#sending = false;
    if (this.#waiting.length === 0) {
      this.#emptied();
    } else if (!this.#closed) {
      const waitMs = backOffMs(this.#attempt++, this.#ports.random(), RETRY);
      this.#cancelRetry = this.#ports.timers.after(waitMs, () => {
        this.#cancelRetry = undefined;
        void this.#send();
      });
    }
  }

  #batch(): DeliveryBatch {
    const deliveries: DeliveryBatch['deliveries'] = [];
    let spans = 0;
    for (const delivery of this.#waiting) {
      spans += spansIn(delivery);
      if (deliveries.length > 0 && spans > BATCH_SPANS) break;
      deliveries.push(deliveryToJson(delivery, this.#ports.clock));
    }
    return { boot: this.#boot, first: this.#first, deliveries };
  }

  #makeRoom(): void {
    let lost = 0;
    for (const delivery of this.#waiting) {
      if (this.#waitingSpans <= MAX_WAITING_SPANS) break;
      this.#waitingSpans -= spansIn(delivery);
      lost++;
    }
    if (lost === 0) return;
    this.#waiting = this.#waiting.slice(lost);
    this.#first += lost;
    this.#ports.lost(lost);
  }

  /** The first few are at the authority. */
  #drop(deliveries: number): void {
    if (deliveries <= 0) return;
    for (const delivery of this.#waiting.slice(0, deliveries)) this.#waitingSpans -= spansIn(delivery);
    this.#waiting = this.#waiting.slice(deliveries);
    this.#first += deliveries;
  }
}

/** What a delivery counts in the bounds above. */
const spansIn = (delivery: Delivery): number => (delivery.kind === 'served' ? delivery.spans.length : 1);

/** A report of very many viewings in several, each of which fits into a message. */
function parts(delivery: Delivery): Delivery[] {
  if (delivery.kind !== 'served' || delivery.spans.length <= BATCH_SPANS) return [delivery];
  const { spans } = delivery;
  const count = Math.ceil(spans.length / BATCH_SPANS);
  return Array.from({ length: count }, (_, part) => ({
    ...delivery,
    spans: spans.slice(part * BATCH_SPANS, (part + 1) * BATCH_SPANS),
  }));
}
