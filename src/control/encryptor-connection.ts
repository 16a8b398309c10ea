import { randomBytes } from 'node:crypto';
import type { RawData, WebSocket } from 'ws';
import type { EncryptorChannel } from '../authority/remote-encryptor.ts';
import { checkedJson } from '../checked.ts';
import { messageOf, unreachable } from '../errors.ts';
import { SESSION_KEY_BYTES } from '../keys/key-update.ts';
import { encryptEncryptorKey, encryptEncryptorSession } from '../keys/node/encryptor-key.ts';
import { type VerifiedOpening, verifyOpening } from '../keys/node/encryptor-opening.ts';
import { proveAuthority } from '../keys/secret-proof.ts';
import type { EncryptorRecord } from '../ledger/ledger.ts';
import { type AuthorityMessage, EncryptorMessage, EncryptorRefusal, encryptorCloseCode } from '../protocol/encryptor-messages.ts';
import type { EncryptorPorts } from './encryptor-route.ts';
import { MessageBudget } from './message-budget.ts';

type Open = Extract<EncryptorMessage, { type: 'open' }>;

/** One encryptor's socket, from `hello` to its close. */
export class EncryptorConnection {
  readonly #socket: WebSocket;
  readonly #ports: EncryptorPorts;
  readonly #authenticated: () => void;
  readonly #budget: MessageBudget;
  /** Messages since it is being closed. */
  #unheard = 0;
  readonly #challenge = randomBytes(24).toString('base64url');
  readonly #cancelTimeout: () => void;
  #channel: EncryptorChannel | undefined;
  #sessionKey: Uint8Array | undefined;
  /** What an encryptor sends is handled in its order, one at a time. */
  #inbox: Promise<void> = Promise.resolve();

  /** @param authenticated is called once its credential has proved good */
  constructor(socket: WebSocket, ports: EncryptorPorts, authenticated: () => void) {
    this.#socket = socket;
    this.#ports = ports;
    this.#authenticated = authenticated;
    const { limits, clock, timers } = ports;
    this.#budget = new MessageBudget(limits.messagesPerSecond, limits.burstMessages, clock);
    this.#cancelTimeout = timers.after(limits.helloTimeoutMs, () =>
      this.#refuse(new EncryptorRefusal('bad-state', 'no open came in time')),
    );
    ports.totals.open++;
    socket.on('message', (data, isBinary) => this.#received(data, isBinary));
    socket.on('close', () => this.#closed());
    socket.on('error', (error) => ports.log.debug({ err: error }, "an encryptor's socket failed"));
    this.#send({ type: 'hello', challenge: this.#challenge });
  }

  get #isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  #send(message: AuthorityMessage): void {
    if (this.#socket.bufferedAmount > this.#ports.limits.maxSocketBytes) this.#giveUp();
    else if (this.#isOpen) this.#socket.send(JSON.stringify(message));
  }

  #received(data: RawData, isBinary: boolean): void {
    if (!this.#isOpen) {
      // Whatever still comes is nobody's. Who goes on and on does not listen.
      if (++this.#unheard > this.#ports.limits.burstMessages) this.#socket.terminate();
      return;
    }
    if (!this.#budget.take()) {
      this.#ports.totals.overBudget++;
      this.#refuse(new EncryptorRefusal('try-later', 'too many messages'));
      return;
    }
    const message = isBinary ? undefined : checkedJson(EncryptorMessage, String(data));
    if (!message?.success) {
      this.#refuse(new EncryptorRefusal('bad-message', message?.problem ?? 'a message is one JSON object in a text message'));
      return;
    }
    this.#inbox = this.#inbox.then(() => this.#handle(message.data)).catch((error) => this.#failed(error));
  }

  async #handle(message: EncryptorMessage): Promise<void> {
    if (!this.#isOpen) return;
    const { encryptors } = this.#ports;
    if (message.type === 'open') {
      if (this.#channel !== undefined) throw new EncryptorRefusal('bad-state', 'this socket is open already');
      await this.#open(message);
      return;
    }
    const channel = this.#channel;
    if (channel === undefined) throw new EncryptorRefusal('bad-state', `${message.type} before open`);
    switch (message.type) {
      case 'verify':
        this.#send(encryptors.verify(channel, message));
        return;
      case 'begin':
        await encryptors.begin(channel, message);
        return;
      case 'receipt':
      case 'began':
      case 'away':
      case 'back':
      case 'ended':
        await encryptors.report(channel, message);
        return;
      default:
        unreachable(message);
    }
  }

  /** The credential first: without it nobody has the server verify signatures. */
  async #open({ encryptor, proof, jws }: Open): Promise<void> {
    const { credentials } = this.#ports.encryptors;
    if (credentials.proven(encryptor, jws, proof) === undefined)
      throw new EncryptorRefusal('credential-invalid', `there is no encryptor "${encryptor}" with that secret`);
    const opening = openingOf(jws);
    if (opening.statement.challenge !== this.#challenge || opening.statement.encryptor !== encryptor)
      throw new EncryptorRefusal('opening-invalid', 'the opening statement is for another socket or another encryptor');
    const sessionKey = crypto.getRandomValues(new Uint8Array(SESSION_KEY_BYTES));
    const jwe = encryptEncryptorSession(sessionKey, encryptor, opening.agreeKey);
    // Once more, since it may have been revoked meanwhile; from here on a revocation finds the channel.
    const record = credentials.proven(encryptor, jws, proof);
    if (record === undefined) throw new EncryptorRefusal('credential-revoked', 'the credential of this encryptor was revoked');
    // Closed meanwhile: nothing else would say so.
    if (!this.#isOpen) return;
    this.#opened(this.#channelOf(record, opening, sessionKey), sessionKey);
    const programs = [...record.programs];
    this.#send({ type: 'opened', sessionKey: jwe, proof: proveAuthority(record.secretHash, jws, jwe), programs });
  }

  #channelOf(record: EncryptorRecord, { process, signKey }: VerifiedOpening, sessionKey: Uint8Array): EncryptorChannel {
    return {
      encryptor: record.name,
      programs: record.programs,
      process,
      signKey,
      encryptKey: (contentKey, of) => encryptEncryptorKey(contentKey, of, sessionKey),
      send: (message) => this.#send(message),
      close: (code, reason) => this.#socket.close(code, reason),
      refuse: (refusal) => this.#refuse(refusal),
    };
  }

  #opened(channel: EncryptorChannel, sessionKey: Uint8Array): void {
    this.#cancelTimeout();
    this.#authenticated();
    this.#channel = channel;
    this.#sessionKey = sessionKey;
    this.#ports.encryptors.opened(channel);
    this.#ports.log.info({ encryptor: channel.encryptor, process: channel.process }, 'an encryptor is connected');
  }

  #failed(error: unknown): void {
    if (error instanceof EncryptorRefusal) {
      this.#refuse(error);
      return;
    }
    this.#ports.log.error({ err: error }, "an encryptor's message could not be handled");
    this.#socket.close(1011, 'internal error');
  }

  /** Who does not read what it is sent is let go. */
  #giveUp(): void {
    this.#ports.totals.unread++;
    this.#socket.terminate();
  }

  #refuse(refusal: EncryptorRefusal): void {
    if (!this.#isOpen) return;
    this.#cancelTimeout();
    this.#ports.totals.refused.add(refusal.code);
    this.#ports.log.warn(
      { code: refusal.code, encryptor: this.#channel?.encryptor },
      `an encryptor was refused: ${refusal.message}`,
    );
    this.#send({ type: 'error', code: refusal.code, message: refusal.message });
    this.#socket.close(encryptorCloseCode(refusal.code), refusal.code);
  }

  #closed(): void {
    this.#ports.totals.open--;
    this.#cancelTimeout();
    this.#sessionKey?.fill(0);
    if (this.#channel !== undefined) this.#ports.encryptors.closed(this.#channel);
  }
}

function openingOf(jws: string): VerifiedOpening {
  try {
    return verifyOpening(jws);
  } catch (error) {
    throw new EncryptorRefusal('opening-invalid', `the opening statement is not valid: ${messageOf(error)}`);
  }
}
