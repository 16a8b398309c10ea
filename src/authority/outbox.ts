import type { ServerMessage } from '../protocol/messages.ts';

/** The control socket of a viewing, as far as a viewing needs it; or of an encryptor elsewhere, whose messages are others. */
export interface Channel<Message = ServerMessage> {
  send(message: Message): void;
  /** Closes the socket after what was sent. */
  close(code: number, reason: string): void;
}

/**
 * What is on its way to one viewer, or for one broadcast to an encryptor elsewhere. Some of it is encrypted first, which takes a while: messages leave in the order in which they
 * were given, and only to the socket that they were given for.
 */
export class Outbox<Message = ServerMessage> {
  readonly #failed: (error: unknown) => void;
  #channel: Channel<Message> | undefined;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  /** @param failed told when a message could not be made; its socket is closed */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  /** Messages that are being made, or wait for those before them. */
  get waiting(): number {
    return this.#waiting;
  }

  get isConnected(): boolean {
    return this.#channel !== undefined;
  }

  /** From here on messages go to this socket; the one before is closed. */
  attach(channel: Channel<Message>): void {
    const before = this.#channel;
    this.#channel = channel;
    before?.close(1000, 'resumed on another socket');
  }

  /** @returns whether it was this outbox's: one that was superseded is nobody's */
  detach(channel: Channel<Message>): boolean {
    if (channel !== this.#channel) return false;
    this.#channel = undefined;
    return true;
  }

  tell(message: Message): void {
    this.later(async () => message);
  }

  /** A message that has to be made first; none if that gives undefined, or if it is not wanted any more by then. */
  later(make: () => Promise<Message | undefined>, stillWanted: () => boolean = () => true): void {
    const channel = this.#channel;
    if (channel === undefined) return;
    const send = async () => {
      const message = await make();
      if (message !== undefined && this.#channel === channel && stillWanted()) channel.send(message);
    };
    this.#waiting++;
    this.#last = this.#last
      .then(send)
      .catch((error) => {
        this.#failed(error);
        channel.close(1011, 'internal error');
      })
      .finally(() => this.#waiting--);
  }

  /** Closes the socket once everything is out. */
  async close(code: number, reason: string): Promise<void> {
    await this.#last;
    this.#channel?.close(code, reason);
    this.#channel = undefined;
  }
}
