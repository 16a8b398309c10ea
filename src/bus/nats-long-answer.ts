import { randomBytes } from 'node:crypto';
import { createInbox, type Msg } from '@nats-io/transport-node';
import type { Timers } from '../clock.ts';
import type { NatsLink } from './nats-link.ts';
import { isInbox } from './nats-subjects.ts';

/**
 * An answer that may be larger than a message: parts, each `id (32 bits) ‖ index (16 bits) ‖ isLast (8 bits) ‖ bytes`. The id tells the
 * parts of several that answer apart; whose last part comes first is listened to.
 */
const HEADER_BYTES = 7;
const PART_BYTES = 524_288;
/** What is asked for is a program's chunks since its last keyframe, or an edge's gates. */
export const MAX_ANSWER_BYTES = 20_971_520;
/** As many parts as the server's permissions must let through for one question. */
export const MAX_ANSWER_PARTS = Math.ceil(MAX_ANSWER_BYTES / PART_BYTES);
/** Of one question, that are followed at once; beyond it, and beyond their bytes, the one that is silent longest is dropped. */
const MAX_ANSWERS = 4;
const MAX_BYTES_WAITING = 2 * MAX_ANSWER_BYTES;
/** How NATS says that nobody listens. */
const NO_RESPONDERS = 503;

export interface Question {
  readonly subject: string;
  readonly payload: Uint8Array;
  /** For the whole answer. */
  readonly withinMs: number;
  /** Of who asks. */
  readonly inbox: string;
}

/** @returns the whole answer; undefined if nobody answers, or none is whole in time */
export async function ask(link: NatsLink, timers: Timers, question: Question): Promise<Buffer | undefined> {
  const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
  const answers = new Answers();
  const receive = (message: Msg) => {
    if (message.headers?.code === NO_RESPONDERS) {
      resolve(undefined);
      return;
    }
    const whole = answers.add(readPart(message.data));
    if (whole !== undefined) resolve(whole);
  };
  const inbox = createInbox(question.inbox);
  const unsubscribe = link.subscribe(inbox, receive);
  const cancel = timers.after(question.withinMs, () => resolve(undefined));
  if (!link.send(question.subject, question.payload, inbox)) resolve(undefined);
  try {
    return await promise;
  } finally {
    cancel();
    unsubscribe();
  }
}

/** The answers to one question as they come: one that stops half-way, by a defect or on purpose, holds no other up. */
class Answers {
  /** By id, the one that is silent longest first. */
  readonly #begun = new Map<number, { readonly parts: Uint8Array[]; bytes: number }>();
  #bytes = 0;

  /** @returns an answer that is whole with this part */
  add({ id, index, isLast, body }: Part): Buffer | undefined {
    const known = this.#begun.get(id) ?? { parts: [], bytes: 0 };
    this.#drop(id);
    if (index !== known.parts.length || known.bytes + body.length > MAX_ANSWER_BYTES) return undefined;
    known.parts.push(body);
    if (isLast) return Buffer.concat(known.parts);
    known.bytes += body.length;
    this.#begun.set(id, known);
    this.#bytes += known.bytes;
    for (const oldest of this.#begun.keys())
      if (this.#begun.size > MAX_ANSWERS || this.#bytes > MAX_BYTES_WAITING) this.#drop(oldest);
    return undefined;
  }

  #drop(id: number): void {
    this.#bytes -= this.#begun.get(id)?.bytes ?? 0;
    this.#begun.delete(id);
  }
}

/**
 * Answers, if it is to that edge that the answer goes (see `isInbox`).
 * @param edge that asks
 */
export function answer(link: NatsLink, { reply = '' }: Msg, whole: Buffer, edge: string): void {
  if (!isInbox(reply, edge) || whole.length > MAX_ANSWER_BYTES) {
    link.counters.unsent++;
    return;
  }
  const partBytes = Math.min(PART_BYTES, link.maxMessageBytes - HEADER_BYTES);
  const id = randomBytes(4).readUInt32BE();
  for (let at = 0, index = 0; index === 0 || at < whole.length; at += partBytes, index++) {
    const body = whole.subarray(at, at + partBytes);
    const part = Buffer.allocUnsafe(HEADER_BYTES + body.length);
    part.writeUInt32BE(id, 0);
    part.writeUInt16BE(index, 4);
    part.writeUInt8(at + partBytes >= whole.length ? 1 : 0, 6);
    body.copy(part, HEADER_BYTES);
    if (!link.send(reply, part)) return;
  }
}

interface Part {
  readonly id: number;
  readonly index: number;
  readonly isLast: boolean;
  readonly body: Uint8Array;
}

/** @throws RangeError for what is no part */
function readPart(data: Uint8Array): Part {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  return {
    id: view.getUint32(0),
    index: view.getUint16(4),
    isLast: view.getUint8(6) === 1,
    body: data.subarray(HEADER_BYTES),
  };
}
