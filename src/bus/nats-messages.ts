import { z } from 'zod';
import { isBaseUrl } from '../base-url.ts';
import { checked } from '../checked.ts';
import type { Clock } from '../clock.ts';
import type { Delivery, GateChange, ServedSpan } from './bus.ts';
import { NAME } from './nats-subjects.ts';

/** What crosses NATS as JSON. The edge that a message is about stands in its subject. */
const name = z.string().regex(NAME);
const id = z.string().min(1).max(64);
const count = z.int().min(0);

const GateChangeJson = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('ticket'),
    program: name,
    viewing: id,
    ticketHash: z.string().regex(/^[\w-]{43}$/),
    expiresInMs: count,
  }),
  z.object({ kind: z.literal('open'), program: name, viewing: id, epoch: count, catchUp: z.boolean() }),
  z.object({ kind: z.literal('close'), program: name, viewing: id }),
  z.object({ kind: z.literal('ended'), program: name }),
]) satisfies z.ZodType<GateChange>;

/**
 * A place in the changes that one authority sends to one edge: `boot` names the series, `seq` is the number of the last change (1, 2,
 * 3 …; 0 before the first). Another boot is another authority, or the same one after it had forgotten the edge.
 */
const place = { boot: id, seq: count };

/** A change and its number; without a change a beat, which says how far the series is. */
export const GateMessage = z.object({ ...place, change: GateChangeJson.optional() });
export type GateMessage = z.infer<typeof GateMessage>;

/** All that an edge should have open, after the change of that number. */
export const GateSnapshot = z.object({ ...place, changes: z.array(GateChangeJson) });
export type GateSnapshot = z.infer<typeof GateSnapshot>;

export const Announcement = z.object({
  url: z.string().max(2_048).refine(isBaseUrl, 'is no http:// or https:// address that a path can be put behind'),
  viewings: count,
  leaving: z.boolean(),
});

/** A time as milliseconds before the message was sent: the clocks of two hosts have nothing in common (DESIGN.md, section 4). */
const ageMs = count;

const DeliveryJson = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('served'),
    program: name,
    epoch: count,
    spans: z.array(z.tuple([id, ageMs, ageMs])),
  }),
  z.object({ kind: z.literal('too-slow'), viewing: id }),
  z.object({ kind: z.literal('closed'), viewing: id, lastChunkAgeMs: ageMs.optional() }),
]);
type DeliveryJson = z.infer<typeof DeliveryJson>;

/** Deliveries of one edge, in order. `boot` names the series, `first` is the number of the first of them in it. */
export const DeliveryBatch = z.object({ boot: id, first: count, deliveries: z.array(DeliveryJson) });
export type DeliveryBatch = z.infer<typeof DeliveryBatch>;

/** Such a batch as it is received: each delivery is read for itself (`deliveryFromJson`), as one that is bad is no reason to lose others. */
export const ReceivedBatch = DeliveryBatch.extend({ deliveries: z.array(z.unknown()) });

/** The number of the next delivery that is wanted. */
export const DeliveryAck = z.object({ boot: id, next: count });

/** With every time as an age. */
export function deliveryToJson(delivery: Delivery, clock: Clock): DeliveryJson {
  const nowMs = clock.nowMs();
  const age = (atMs: number) => Math.max(0, nowMs - atMs);
  if (delivery.kind === 'served') {
    const { kind, program, epoch } = delivery;
    return { kind, program, epoch, spans: delivery.spans.map(([viewing, fromMs, toMs]) => [viewing, age(fromMs), age(toMs)]) };
  }
  const { kind, viewing } = delivery;
  if (kind === 'too-slow' || delivery.lastChunkMs === undefined) return { kind, viewing };
  return { kind, viewing, lastChunkAgeMs: age(delivery.lastChunkMs) };
}

/**
 * With every age as a time of this host; what the message was on its way makes it that much later.
 * @throws RangeError for what is no delivery
 */
export function deliveryFromJson(edge: string, delivery: unknown, clock: Clock): Delivery {
  const json = demand(DeliveryJson, delivery);
  const nowMs = clock.nowMs();
  if (json.kind === 'served') {
    const spans = json.spans.map(([viewing, from, to]): ServedSpan => [viewing, nowMs - from, nowMs - to]);
    return { edge, kind: json.kind, program: json.program, epoch: json.epoch, spans };
  }
  const { kind, viewing } = json;
  if (kind === 'too-slow' || json.lastChunkAgeMs === undefined) return { edge, kind, viewing };
  return { edge, kind, viewing, lastChunkMs: nowMs - json.lastChunkAgeMs };
}

/** @throws SyntaxError, RangeError */
export const parseJson = <T>(schema: z.ZodType<T>, bytes: Uint8Array): T =>
  demand(schema, JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()));

/** @throws RangeError, with what is wrong in one line */
function demand<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = checked(schema, value);
  if (parsed.success) return parsed.data;
  throw new RangeError(parsed.problem);
}

export const toJson = (value: object): Buffer => Buffer.from(JSON.stringify(value));
