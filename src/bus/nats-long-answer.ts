import { randomBytes } from 'node:crypto';
import { createInbox, type Msg } from '@nats-io/transport-node';
import type { Timers } from '../clock.ts';
import type { NatsLink } from './nats-link.ts';
import { isInbox } from './nats-subjects.ts';

/**
 * An answer that may be larger than a message: parts, each `id (32 bits) ‖ index (16 bits) ‖ isLast (8 bits) ‖ bytes`. The id tells the
 * parts of two that answer apart; whose first part comes first is listened to.
 */
const HEADER_BYTES = 7;
const PART_BYTES = 524_288;
/** What is asked for is a program's chunks since its last keyframe, or an edge's gates. */
export const MAX_ANSWER_BYTES = 20_971_520;
/** As many parts as the server's permissions must let through for one question. */
export const MAX_ANSWER_PARTS = Math.ceil(MAX_ANSWER_BYTES / PART_BYTES);
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

/** @returns the whole answer; undefined if nobody answers, or not in time, or a part was lost */
export async function ask(link: NatsLink, timers: Timers, question: Question): Promise<Buffer | undefined> {
  const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
  const parts: Uint8Array[] = [];
  let bytes = 0;
  let answerId: number | undefined;
  const receive = (message: Msg) => {
    if (message.headers?.code === NO_RESPONDERS) {
      resolve(undefined);
      return;
    }
    const { id, index, isLast, body } = readPart(message.data);
    answerId ??= id;
    if (id !== answerId) return;
    bytes += body.length;
    if (index !== parts.length || bytes > MAX_ANSWER_BYTES) resolve(undefined);
    parts.push(body);
    if (isLast) resolve(Buffer.concat(parts));
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

/**
 * Answers, if it is an edge that asks (see `isInbox`).
 * @param edge which edge must be the one that asks, if that is known
 */
export function answer(link: NatsLink, { reply = '' }: Msg, whole: Buffer, edge?: string): void {
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

/** @throws RangeError for what is no part */
function readPart(data: Uint8Array): { id: number; index: number; isLast: boolean; body: Uint8Array } {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  return {
    id: view.getUint32(0),
    index: view.getUint16(4),
    isLast: view.getUint8(6) === 1,
    body: data.subarray(HEADER_BYTES),
  };
}
