import { backOffMs } from '../back-off.ts';
import { TollcastError } from '../errors.ts';
import type { DeviceKeys } from '../keys/device.ts';
import type { ServerMessage, ViewerMessage } from '../protocol/messages.ts';
import { Refusal } from '../protocol/refusal.ts';
import { type Admission, type Asked, askToResume, askToWatch, type Waiting } from './admission.ts';
import { ControlConnection } from './control-connection.ts';
import { RECONNECT_FOR_MS } from './limits.ts';
import type { ViewerOptions } from './options.ts';
import { serverUrl } from './socket.ts';
import { wait } from './wait.ts';

export type LinkParts = Pick<Required<ViewerOptions>, 'base' | 'openSocket' | 'timers' | 'clock' | 'random'>;

/** A viewing's way to the authority: one control socket after another. */
export class ControlLink {
  readonly #parts: LinkParts;
  readonly #over: AbortSignal;
  #connection: ControlConnection | undefined;
  #hurry = new AbortController();

  /** `over`, when aborted, ends every wait and refuses every further socket with its reason. */
  constructor(parts: LinkParts, over: AbortSignal) {
    this.#parts = parts;
    this.#over = over;
  }

  /** Opens a viewing on a first socket, which is not tried twice. @throws TollcastError, see admission.ts */
  watch(asked: Asked, device: DeviceKeys, waits: (waiting: Waiting) => void): Promise<Admission> {
    return askToWatch(this.#connect(), asked, device, waits);
  }

  /**
   * Takes up the viewing on a new socket; tries again, with growing waits, for as long as that may help.
   * @throws TollcastError, see admission.ts
   */
  async resume(viewing: string, device: DeviceKeys, waits: (waiting: Waiting) => void): Promise<Admission> {
    const { clock, random } = this.#parts;
    const lostMs = clock.nowMs();
    let leastMs = 0;
    for (let attempt = 0; ; attempt++) {
      await this.#pause(Math.max(leastMs, backOffMs(attempt, random())));
      try {
        return await askToResume(this.#connect(), viewing, device, waits);
      } catch (error) {
        this.#over.throwIfAborted();
        const tooLong = clock.nowMs() - lostMs > RECONNECT_FOR_MS;
        if (tooLong || !mayHelpToRetry(error)) throw error;
        leastMs = error instanceof Refusal ? (error.retryInMs ?? 0) : 0;
      }
    }
  }

  /** The next message on the present socket; undefined if that is lost. @throws TollcastError, see control-connection.ts */
  async next(withinMs: number): Promise<ServerMessage | undefined> {
    const message = await this.#connection?.next(withinMs);
    this.#over.throwIfAborted();
    return message;
  }

  send(message: ViewerMessage): void {
    this.#connection?.send(message);
  }

  retryNow(): void {
    this.#hurry.abort();
  }

  close(): void {
    this.#connection?.close();
  }

  #connect(): ControlConnection {
    this.#over.throwIfAborted();
    this.close();
    const { base, openSocket, timers } = this.#parts;
    this.#connection = new ControlConnection(serverUrl(base, '/v1/control', 'ws'), openSocket, timers);
    return this.#connection;
  }

  async #pause(delayMs: number): Promise<void> {
    this.#hurry = new AbortController();
    await wait(this.#parts.timers, delayMs, AbortSignal.any([this.#hurry.signal, this.#over]));
  }
}

const RETRIED: ReadonlySet<string> = new Set(['unreachable', 'unavailable', 'try-later']);

const mayHelpToRetry = (error: unknown): boolean => error instanceof TollcastError && RETRIED.has(error.code);
