import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import type { Authority } from '../authority/authority.ts';
import type { Channel } from '../authority/outbox.ts';
import type { ViewingSession } from '../authority/viewing-session.ts';
import { messageOf, unreachable } from '../errors.ts';
import { closeCode, type ServerMessage, ViewerMessage } from '../protocol/messages.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { TokenVerifier } from '../tokens/token-verifier.ts';
import type { AdmissionQueue, Place } from './admission-queue.ts';
import { MessageSocket, type MessageSocketPorts } from './message-socket.ts';

export interface ControlPorts extends MessageSocketPorts {
  readonly authority: Authority;
  readonly log: Logger;
  readonly tokens: Pick<TokenVerifier, 'ready'>;
  readonly queue: AdmissionQueue;
}

type Request = Extract<ViewerMessage, { type: 'watch' | 'resume' }>;

/** One control socket, from `hello` to its close (docs/PROTOCOL.md, "Control socket"). */
export class ControlConnection implements Channel {
  readonly #messages: MessageSocket<ViewerMessage, ServerMessage>;
  readonly #ports: ControlPorts;
  readonly #authenticated: () => void;
  readonly #challenge = randomBytes(24).toString('base64url');
  #session: ViewingSession | undefined;
  /** What a viewer sends is handled in its order, one at a time. */
  #inbox: Promise<void> = Promise.resolve();
  /** Asked to watch or resume already: once a socket. */
  #asked = false;
  /** For its turn, or for the keys of its token's issuer. */
  #isWaiting = false;
  #place: Place | undefined;
  /** Closed by this side: whatever the viewer sent is nobody's any more. */
  #isLetGo = false;

  /** @param authenticated is called once it has its viewing, or waits for it: the queue has limits of its own */
  constructor(socket: WebSocket, ports: ControlPorts, authenticated: () => void) {
    this.#ports = ports;
    this.#authenticated = authenticated;
    this.#messages = new MessageSocket(socket, ports, {
      schema: ViewerMessage,
      first: 'watch or resume',
      received: (message) => this.#received(message),
      refuse: (code, why) => this.#refuse(new Refusal(code, why)),
    });
    socket.on('close', () => this.#closed());
    socket.on('error', (error) => ports.log.debug({ err: error }, 'control socket failed'));
    this.send({ type: 'hello', challenge: this.#challenge });
  }

  send(message: ServerMessage): void {
    this.#messages.send(message);
    if (message.type !== 'viewing') return;
    // What costs most of an admission is done: the session key is agreed. A place that is kept would keep the token.
    this.#place?.leave(false);
    this.#place = undefined;
  }

  close(code: number, reason: string): void {
    this.#isLetGo = true;
    this.#leaveQueue();
    this.#messages.close(code, reason);
  }

  #received(message: ViewerMessage): void {
    if (this.#isWaiting) this.#receivedWhileWaiting(message);
    else if (isRequest(message) && !this.#asked) {
      // Now, and not when it is handled: what came in the same packet comes while it waits.
      this.#asked = true;
      this.#isWaiting = true;
      this.#inNext(() => this.#admit(message));
    } else this.#inNext(() => this.#handle(message));
  }

  /** After what came before. */
  #inNext(handle: () => Promise<void>): void {
    this.#inbox = this.#inbox.then(handle).catch((error) => this.#failed(error));
  }

  /** Nothing is kept for the time after. */
  #receivedWhileWaiting({ type }: ViewerMessage): void {
    if (type === 'stop') this.close(1000, 'stopped');
    else this.#refuse(new Refusal('bad-state', `${type} while it waits for its turn`));
  }

  async #handle(message: ViewerMessage): Promise<void> {
    if (this.#isLetGo) return;
    if (isRequest(message)) throw new Refusal('bad-state', 'this socket has its viewing already');
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

  /** Waits for its turn, then begins its viewing or takes it up. */
  async #admit(message: Request): Promise<void> {
    if (this.#isLetGo || !this.#messages.isOpen) return;
    this.#messages.introduced();
    const begin = message.type === 'watch' ? await this.#toWatch(message) : () => this.#resume(message);
    if (!this.#messages.isOpen) return;
    const place = this.#ports.queue.enter({
      comer: message.type === 'watch' ? 'newcomer' : 'established',
      name: message.type === 'watch' ? message.token : message.viewing,
      bytes: bytesOf(message),
      waiting: (ahead, expectedMs) => this.send({ type: 'waiting', ahead, expectedMs }),
    });
    this.#place = place;
    if (place.isWaiting) this.#authenticated();
    await place.turn;
    this.#isWaiting = false;
    try {
      this.#session = await begin();
    } catch (error) {
      place.leave(true);
      throw error;
    }
    this.#authenticated();
    // Closed while that was being checked: nothing else will say so.
    if (!this.#messages.isOpen) this.#lost(this.#session);
  }

  /**
   * What begins a viewing when it is its turn. Before that, while it is in nobody's way, its token's issuer may have to be asked for keys.
   * The token has to be good now: the wait is not the viewer's doing.
   */
  async #toWatch({ token, jws }: Extract<ViewerMessage, { type: 'watch' }>): Promise<() => Promise<ViewingSession>> {
    const { clock, tokens, authority } = this.#ports;
    const arrivedMs = clock.nowMs();
    const verify = await tokens.ready(token);
    return async () => {
      const verified = await verify(clock.nowMs() - arrivedMs);
      const watch = await authority.verifyWatch(jws).catch((error) => {
        throw new Refusal('watch-invalid', `the watch statement is not valid: ${messageOf(error)}`);
      });
      return authority.watch({ token: verified, tokenText: token, watch, jws, challenge: this.#challenge, channel: this });
    };
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

  #refuse(refusal: Refusal): void {
    this.#ports.totals.refused.add(refusal.code);
    this.#ports.log.info({ code: refusal.code, viewing: this.#session?.id }, `viewer refused: ${refusal.message}`);
    const { code, message, retryInMs } = refusal;
    this.send({ type: 'error', code, message, fatal: true, ...(retryInMs === undefined ? {} : { retryInMs }) });
    this.close(closeCode(code), code);
  }

  #closed(): void {
    this.#leaveQueue();
    if (this.#session !== undefined) this.#lost(this.#session);
  }

  /** Whose turn it is keeps it until that has come to something. */
  #leaveQueue(): void {
    if (this.#place?.isWaiting) this.#place.leave(true);
  }

  #lost(session: ViewingSession): void {
    this.#place?.leave(false);
    session.lost(this);
  }
}

const isRequest = (message: ViewerMessage): message is Request => message.type === 'watch' || message.type === 'resume';

/** A character is a byte in whatever may be a token or a statement; at worst two. */
const bytesOf = (message: Request): number =>
  message.jws.length + (message.type === 'watch' ? message.token : message.viewing).length;
