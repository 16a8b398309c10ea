import type { Clock, Timers } from '../clock.ts';
import type { Delivery, Topic } from './bus.ts';
import { DeliveryOutbox } from './nats-delivery-outbox.ts';
import type { NatsLink } from './nats-link.ts';
import { answer, ask } from './nats-long-answer.ts';
import { DeliveryAck, deliveryFromJson, parseJson, ReceivedBatch, toJson } from './nats-messages.ts';
import { ANY, edgeIn, inboxOf, subjectOf } from './nats-subjects.ts';

const ACK_WITHIN_MS = 1_000;
/** Edges whose place in their series is kept, the latest heard. */
const MAX_SERIES = 1_000;
/** A delivery that cannot be taken is left for the edge to send again, and given up at this try: the others wait behind it. */
const MAX_TRIES = 3;

/** Of one edge's series: the number of the delivery that is wanted next, and how often it could not be taken. */
interface Place {
  readonly boot: string;
  readonly next: number;
  readonly failures: number;
}

/** An edge's deliveries are kept until the authority has taken them (nats-delivery-outbox.ts); what comes twice counts once. */
export interface NatsDeliveries extends Topic<Delivery> {
  close(withinMs: number): Promise<void>;
  /** Of an edge: served spans and other reports that wait for the authority. */
  readonly waiting: number;
}

/** @param edge of an edge, which may publish its own; undefined for other roles */
export function natsDeliveries(link: NatsLink, clock: Clock, timers: Timers, edge: string | undefined): NatsDeliveries {
  const outbox = edge === undefined ? undefined : natsOutbox(link, clock, timers, edge);
  return {
    publish(delivery) {
      if (outbox === undefined || delivery.edge !== edge)
        throw new Error(`the deliveries of ${delivery.edge} are its own to report`);
      outbox.push(delivery);
    },
    subscribe(listener) {
      const places = new Map<string, Place>();
      return link.subscribe(subjectOf.deliveries(ANY), (message) => {
        const from = edgeIn(message.subject);
        const { boot, first, deliveries } = parseJson(ReceivedBatch, message.data);
        const known = places.get(from);
        const wanted = known?.boot === boot ? known.next : first;
        let place: Place = { boot, next: Math.max(wanted, first), failures: 0 };
        if (known?.boot === boot && known.next === place.next) place = known;
        while (place.next < first + deliveries.length) {
          const json = deliveries[place.next - first];
          const isTaken = link.safely(`a delivery of ${from}`, () => listener(deliveryFromJson(from, json, clock)));
          const failures = isTaken ? 0 : place.failures + 1;
          const isGivenUp = failures === MAX_TRIES;
          if (isGivenUp) link.counters.lostDeliveries++;
          place = isTaken || isGivenUp ? { boot, next: place.next + 1, failures: 0 } : { ...place, failures };
          if (place.failures > 0) break;
        }
        places.delete(from);
        places.set(from, place);
        for (const oldest of places.keys()) if (places.size > MAX_SERIES) places.delete(oldest);
        // Without an answer the edge waits a while before it sends them again.
        if (place.failures === 0 || place.next > first) answer(link, message, toJson({ boot, next: place.next }), from);
      });
    },
    close: async (withinMs) => outbox?.close(withinMs),
    get waiting() {
      return outbox?.waiting ?? 0;
    },
  };
}

function natsOutbox(link: NatsLink, clock: Clock, timers: Timers, edge: string): DeliveryOutbox {
  const question = { subject: subjectOf.deliveries(edge), withinMs: ACK_WITHIN_MS, inbox: inboxOf(edge) };
  const outbox = new DeliveryOutbox({
    clock,
    timers,
    random: Math.random,
    async send(batch) {
      const ack = await ask(link, timers, { ...question, payload: toJson(batch) }).catch(() => undefined);
      return ack === undefined ? undefined : nextOf(ack, batch.boot);
    },
    lost: (deliveries) => {
      link.counters.lostDeliveries += deliveries;
    },
  });
  link.onReconnected(() => outbox.retry());
  return outbox;
}

function nextOf(ack: Buffer, boot: string): number | undefined {
  try {
    const { boot: acknowledged, next } = parseJson(DeliveryAck, ack);
    return acknowledged === boot ? next : undefined;
  } catch {
    return undefined;
  }
}
