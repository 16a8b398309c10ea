import type { Clock, Timers } from '../clock.ts';
import type { Delivery, Topic } from './bus.ts';
import { DeliveryOutbox } from './nats-delivery-outbox.ts';
import type { NatsLink } from './nats-link.ts';
import { answer, ask } from './nats-long-answer.ts';
import { DeliveryAck, DeliveryBatch, deliveryFromJson, parseJson, toJson } from './nats-messages.ts';
import { ANY, inboxOf, nameIn, subjectOf } from './nats-subjects.ts';

const ACK_WITHIN_MS = 1_000;
/** Edges whose place in their series is kept, the latest heard. */
const MAX_SERIES = 1_000;

/** An edge's deliveries are kept until the authority has taken them (nats-delivery-outbox.ts); what comes twice counts once. */
export interface NatsDeliveries extends Topic<Delivery> {
  close(withinMs: number): Promise<void>;
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
      const places = new Map<string, { readonly boot: string; readonly next: number }>();
      return link.subscribe(subjectOf.deliveries(ANY), (message) => {
        const from = nameIn(message.subject);
        const { boot, first, deliveries } = parseJson(DeliveryBatch, message.data);
        const known = places.get(from);
        const wanted = known?.boot === boot ? known.next : first;
        const next = Math.max(wanted, first + deliveries.length);
        places.delete(from);
        places.set(from, { boot, next });
        for (const oldest of places.keys()) if (places.size > MAX_SERIES) places.delete(oldest);
        for (const json of deliveries.slice(Math.max(0, wanted - first))) listener(deliveryFromJson(from, json, clock));
        answer(link, message, toJson({ boot, next }), from);
      });
    },
    close: async (withinMs) => outbox?.close(withinMs),
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
