import type { RawData, WebSocket } from 'ws';
import type { ZodType } from 'zod';
import { checkedJson } from '../checked.ts';
import type { Clock, Timers } from '../clock.ts';
import type { ControlTotals } from './control-totals.ts';
import { MessageBudget } from './message-budget.ts';

export interface MessageLimits {
  /** From the socket's opening to the message that says whose it is. */
  readonly helloTimeoutMs: number;
  readonly messagesPerSecond: number;
  /** Also after the socket was closed on this side: who sends more then does not listen. */
  readonly burstMessages: number;
  /** A socket that holds more unsent bytes is given up. */
  readonly maxSocketBytes: number;
}

export interface MessageSocketPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly limits: MessageLimits;
  readonly totals: ControlTotals;
}

/** What is made of a socket's messages. */
export interface Correspondence<Message> {
  readonly schema: ZodType<Message>;
  /** What says whose it is, in words. */
  readonly first: string;
  received(message: Message): void;
  /** Is to say so, and to close. */
  refuse(code: 'bad-message' | 'bad-state' | 'try-later', why: string): void;
}

/** Messages of a stranger, each a JSON object in a text message, and no more of them than the limits allow; and what it is told. */
export class MessageSocket<Received, Sent> {
  readonly #socket: WebSocket;
  readonly #ports: MessageSocketPorts;
  readonly #correspondence: Correspondence<Received>;
  readonly #budget: MessageBudget;
  readonly #cancelTimeout: () => void;
  /** Messages since it is being closed. */
  #unheard = 0;

  constructor(socket: WebSocket, ports: MessageSocketPorts, correspondence: Correspondence<Received>) {
    this.#socket = socket;
    this.#ports = ports;
    this.#correspondence = correspondence;
    const { limits, clock, timers, totals } = ports;
    this.#budget = new MessageBudget(limits.messagesPerSecond, limits.burstMessages, clock);
    this.#cancelTimeout = timers.after(limits.helloTimeoutMs, () =>
      correspondence.refuse('bad-state', `no ${correspondence.first} came in time`),
    );
    totals.open++;
    socket.on('message', (data, isBinary) => this.#received(data, isBinary));
    socket.on('close', () => {
      totals.open--;
      this.#cancelTimeout();
    });
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /** Who does not read what it is sent is let go. */
  send(message: Sent): void {
    if (this.#socket.bufferedAmount > this.#ports.limits.maxSocketBytes) {
      this.#ports.totals.unread++;
      this.#socket.terminate();
    } else if (this.isOpen) this.#socket.send(JSON.stringify(message));
  }

  /** It has said whose it is. */
  introduced(): void {
    this.#cancelTimeout();
  }

  close(code: number, reason: string): void {
    this.#cancelTimeout();
    this.#socket.close(code, reason);
  }

  #received(data: RawData, isBinary: boolean): void {
    const { limits, totals } = this.#ports;
    if (!this.isOpen) {
      // Whatever still comes is nobody's.
      if (++this.#unheard > limits.burstMessages) this.#socket.terminate();
      return;
    }
    if (!this.#budget.take()) {
      totals.overBudget++;
      this.#correspondence.refuse('try-later', 'too many messages');
      return;
    }
    const message = isBinary ? undefined : checkedJson(this.#correspondence.schema, String(data));
    if (message?.success) this.#correspondence.received(message.data);
    else this.#correspondence.refuse('bad-message', message?.problem ?? 'a message is one JSON object in a text message');
  }
}
