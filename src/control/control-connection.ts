import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { RawData, WebSocket } from 'ws';
import type { Authority } from '../authority/authority.ts';
import type { Channel } from '../authority/outbox.ts';
import type { ViewingSession } from '../authority/viewing-session.ts';
import { checkedJson } from '../checked.ts';
import type { Clock, Timers } from '../clock.ts';
import { messageOf, unreachable } from '../errors.ts';
import { closeCode, type ServerMessage, ViewerMessage } from '../protocol/messages.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { TokenVerifier } from '../tokens/token-verifier.ts';
import type { ControlTotals } from './control-totals.ts';
import { MessageBudget } from './message-budget.ts';

export interface ControlLimits {
  /** From the socket's opening to a `watch` or `resume`. */
  readonly helloTimeoutMs: number;
  readonly messagesPerSecond: number;
  readonly burstMessages: number;
  /** A socket that holds more unsent bytes is given up. */
  readonly maxSocketBytes: number;
}

export interface ControlPorts {
  readonly authority: Authority;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
  readonly limits: ControlLimits;
  readonly tokens: Pick<TokenVerifier, 'viewer'>;
  readonly totals: ControlTotals;
}

/** One control socket, from `hello` to its close (docs/PROTOCOL.md, "Control socket"). */
export class ControlConnection implements Channel {
  readonly #socket: WebSocket;
  readonly #ports: ControlPorts;
  readonly #authenticated: () => void;
  readonly #budget: MessageBudget;
  readonly #challenge = randomBytes(24).toString('base64url');
  #cancelTimeout: () => void;
  #session: ViewingSession | undefined;
  /** What a viewer sends is handled in its order, one at a time. */
  #inbox: Promise<void> = Promise.resolve();
  /** Asked to watch or resume already: once a socket. */
  #asked = false;
  /** Closed by this side: whatever the viewer sent is nobody's any more. */
  #isLetGo = false;

  /** @param authenticated is called once it has its viewing */
  constructor(socket: WebSocket, ports: ControlPorts, authenticated: () => void) {
    this.#socket = socket;
    this.#ports = ports;
    this.#authenticated = authenticated;
    const { limits, clock, timers } = ports;
    this.#budget = new MessageBudget(limits.messagesPerSecond, limits.burstMessages, clock);
    this.#cancelTimeout = timers.after(limits.helloTimeoutMs, () =>
      this.#refuse(new Refusal('bad-state', 'no watch or resume came in time')),
    );
    ports.totals.open++;
    socket.on('message', (data, isBinary) => this.#received(data, isBinary));
    socket.on('close', () => this.#closed());
    socket.on('error', (error) => ports.log.debug({ err: error }, 'control socket failed'));
    this.send({ type: 'hello', challenge: this.#challenge });
  }

  send(message: ServerMessage): void {
    if (this.#socket.bufferedAmount > this.#ports.limits.maxSocketBytes) this.#giveUp();
    else if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  close(code: number, reason: string): void {
    this.#isLetGo = true;
    this.#socket.close(code, reason);
  }

  #received(data: RawData, isBinary: boolean): void {
    const isOpen = this.#socket.readyState === this.#socket.OPEN;
    if (!this.#budget.take()) {
      if (isOpen) {
        this.#ports.totals.overBudget++;
        this.#refuse(new Refusal('try-later', 'too many messages'));
      }
      this.#socket.terminate();
      return;
    }
    // Once it is being closed, whatever still comes is nobody's.
    if (!isOpen) return;
    const message = isBinary ? undefined : checkedJson(ViewerMessage, String(data));
    if (!message?.success) {
      this.#refuse(new Refusal('bad-message', message?.problem ?? 'a control message is one JSON object in a text message'));
      return;
    }
    this.#inbox = this.#inbox.then(() => this.#handle(message.data)).catch((error) => this.#failed(error));
  }

  async #handle(message: ViewerMessage): Promise<void> {
    if (this.#isLetGo) return;
    if (message.type === 'watch' || message.type === 'resume') {
      if (this.#socket.readyState !== this.#socket.OPEN) return;
      if (this.#asked) throw new Refusal('bad-state', 'this socket has its viewing already');
      this.#asked = true;
      this.#cancelTimeout();
      const session = message.type === 'watch' ? await this.#watch(message) : await this.#resume(message);
      this.#session = session;
      this.#authenticated();
      // Closed while that was being checked: nothing else will say so.
      if (this.#socket.readyState !== this.#socket.OPEN) session.lost(this);
      return;
    }
    const session = this.#session;
    if (session === undefined) throw new Refusal('bad-state', `${message.type} before watch or resume`);
    switch (message.type) {
      case 'receipt':
        await session.receive(message.jws);
        return;
      case 'ticket':
        // Its media socket was closed just before it is told why.
        if (session.isOver) return;
        if (session.state.phase !== 'started') throw new Refusal('bad-state', 'a ticket comes with the first confirmed receipt');
        this.#ports.authority.newTicket(session);
        return;
      case 'stop':
        session.dispatch({ type: 'end', reason: 'stopped' });
        return;
      default:
        unreachable(message);
    }
  }

  async #watch({ token, jws }: Extract<ViewerMessage, { type: 'watch' }>): Promise<ViewingSession> {
    const verified = await this.#ports.tokens.viewer(token);
    const watch = await this.#ports.authority.verifyWatch(jws).catch((error) => {
      throw new Refusal('watch-invalid', `the watch statement is not valid: ${messageOf(error)}`);
    });
    return this.#ports.authority.watch({
      token: verified,
      tokenText: token,
      watch,
      jws,
      challenge: this.#challenge,
      channel: this,
    });
  }

  #resume({ viewing, jws }: Extract<ViewerMessage, { type: 'resume' }>): Promise<ViewingSession> {
    return this.#ports.authority.resume(viewing, jws, this.#challenge, this);
  }

  #failed(error: unknown): void {
    if (error instanceof Refusal) {
      // A wrong receipt costs its viewing nothing but the deadline that goes on; anything else ends the socket.
      if (error.code === 'receipt-invalid' && this.#session !== undefined) {
        this.#ports.totals.refused.add(error.code);
        this.#session.complain(error.code, error.message);
      } else this.#refuse(error);
      return;
    }
    this.#ports.log.error({ err: error }, 'a control message could not be handled');
    this.close(1011, 'internal error');
  }

  /** Who does not read what it is sent is let go. */
  #giveUp(): void {
    this.#ports.totals.unread++;
    this.#socket.terminate();
  }

  #refuse(refusal: Refusal): void {
    this.#cancelTimeout();
    this.#ports.totals.refused.add(refusal.code);
    this.#ports.log.info({ code: refusal.code, viewing: this.#session?.id }, `viewer refused: ${refusal.message}`);
    this.send({ type: 'error', code: refusal.code, message: refusal.message, fatal: true });
    this.close(closeCode(refusal.code), refusal.code);
  }

  #closed(): void {
    this.#ports.totals.open--;
    this.#cancelTimeout();
    this.#session?.lost(this);
  }
}
