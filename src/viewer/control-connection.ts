import { checked } from '../checked.ts';
import type { Timers } from '../clock.ts';
import { TollcastError } from '../errors.ts';
import { CONTROL_SUBPROTOCOL, MAX_CONTROL_MESSAGE_BYTES, ServerMessage, type ViewerMessage } from '../protocol/messages.ts';
import { MAX_WAITING_MESSAGES } from './limits.ts';
import type { OpenSocket, Socket } from './socket.ts';

/** One control socket, from opening to close. What to say on it, and whether to open another, others decide. */
export class ControlConnection {
  readonly #socket: Socket;
  readonly #timers: Timers;
  readonly #inbox: unknown[] = [];
  #wake: (() => void) | undefined;
  #open = true;

  constructor(url: string, openSocket: OpenSocket, timers: Timers) {
    this.#timers = timers;
    this.#socket = openSocket(url, CONTROL_SUBPROTOCOL);
    this.#socket.addEventListener('message', ({ data }) => this.#receive(data));
    this.#socket.addEventListener('close', () => this.#closed());
    // A `close` follows every `error`, and says as little about the cause.
    this.#socket.addEventListener('error', () => {});
  }

  get open(): boolean {
    return this.#open;
  }

  /**
   * The next message that this client knows, or undefined if the socket has closed or nothing came for `withinMs`.
   * @throws TollcastError `protocol-violation`
   */
  async next(withinMs: number): Promise<ServerMessage | undefined> {
    for (;;) {
      if (this.#inbox.length === 0 && this.#open) await this.#arrival(withinMs);
      if (this.#inbox.length === 0) return undefined;
      const message = parseServerMessage(this.#inbox.shift());
      if (message !== undefined) return message;
    }
  }

  send(message: ViewerMessage): void {
    if (this.#open) this.#socket.send(JSON.stringify(message));
  }

  close(): void {
    if (!this.#open) return;
    this.#closed();
    this.#socket.close(1000);
  }

  #arrival(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#timers.after(withinMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  #receive(data: unknown): void {
    if (!this.#open) return;
    this.#inbox.push(data);
    if (this.#inbox.length > MAX_WAITING_MESSAGES) this.close();
    this.#wake?.();
  }

  #closed(): void {
    this.#open = false;
    this.#wake?.();
  }
}

const KNOWN_TYPES: ReadonlySet<unknown> = new Set(ServerMessage.options.map((option) => option.shape.type.value));

/** A message, or undefined for one of a type that this client does not know. */
function parseServerMessage(data: unknown): ServerMessage | undefined {
  if (typeof data !== 'string' || data.length > MAX_CONTROL_MESSAGE_BYTES) throw violation('what is not a short text message');
  const parsed = checked(ServerMessage, jsonOf(data));
  if (parsed.success) return parsed.data;
  const json = jsonOf(data);
  const type = typeof json === 'object' && json !== null && 'type' in json ? json.type : undefined;
  if (typeof type === 'string' && !KNOWN_TYPES.has(type)) return undefined;
  throw violation(`a malformed message: ${parsed.problem}`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const violation = (what: string) => new TollcastError('protocol-violation', `the server sent ${what} on the control socket`);
