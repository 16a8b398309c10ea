import { randomBytes } from 'node:crypto';
import type { WebSocket } from 'ws';
import type { EncryptorChannel } from '../authority/remote-encryptor.ts';
import { messageOf, unreachable } from '../errors.ts';
import { SESSION_KEY_BYTES } from '../keys/key-update.ts';
import { encryptEncryptorKey, encryptEncryptorSession } from '../keys/node/encryptor-key.ts';
import { type VerifiedOpening, verifyOpening } from '../keys/node/encryptor-opening.ts';
import { proveAuthority } from '../keys/secret-proof.ts';
import type { EncryptorRecord } from '../ledger/ledger.ts';
import { type AuthorityMessage, EncryptorMessage, EncryptorRefusal, encryptorCloseCode } from '../protocol/encryptor-messages.ts';
import type { EncryptorPorts } from './encryptor-route.ts';
import { MessageSocket } from './message-socket.ts';

type Open = Extract<EncryptorMessage, { type: 'open' }>;

/** One encryptor's socket, from `hello` to its close. */
export class EncryptorConnection {
  readonly #messages: MessageSocket<EncryptorMessage, AuthorityMessage>;
  readonly #ports: EncryptorPorts;
  readonly #authenticated: () => void;
  readonly #challenge = randomBytes(24).toString('base64url');
  #channel: EncryptorChannel | undefined;
  #sessionKey: Uint8Array | undefined;
  /** What an encryptor sends is handled in its order, one at a time. */
  #inbox: Promise<void> = Promise.resolve();

  /** @param authenticated is called once its credential has proved good */
  constructor(socket: WebSocket, ports: EncryptorPorts, authenticated: () => void) {
    this.#ports = ports;
    this.#authenticated = authenticated;
    this.#messages = new MessageSocket(socket, ports, {
      schema: EncryptorMessage,
      first: 'open',
      received: (message) => this.#received(message),
      refuse: (code, why) => this.#refuse(new EncryptorRefusal(code, why)),
    });
    socket.on('close', () => this.#closed());
    socket.on('error', (error) => ports.log.debug({ err: error }, "an encryptor's socket failed"));
    this.#messages.send({ type: 'hello', challenge: this.#challenge });
  }

  #received(message: EncryptorMessage): void {
    this.#inbox = this.#inbox.then(() => this.#handle(message)).catch((error) => this.#failed(error));
  }

  async #handle(message: EncryptorMessage): Promise<void> {
    if (!this.#messages.isOpen) return;
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
        this.#messages.send(encryptors.verify(channel, message));
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
    if (!this.#messages.isOpen) return;
    this.#opened(this.#channelOf(record, opening, sessionKey), sessionKey);
    const programs = [...record.programs];
    this.#messages.send({ type: 'opened', sessionKey: jwe, proof: proveAuthority(record.secretHash, jws, jwe), programs });
  }

  #channelOf(record: EncryptorRecord, { process, signKey }: VerifiedOpening, sessionKey: Uint8Array): EncryptorChannel {
    return {
      encryptor: record.name,
      programs: record.programs,
      process,
      signKey,
      encryptKey: (contentKey, of) => encryptEncryptorKey(contentKey, of, sessionKey),
      send: (message) => this.#messages.send(message),
      close: (code, reason) => this.#messages.close(code, reason),
      refuse: (refusal) => this.#refuse(refusal),
    };
  }

  #opened(channel: EncryptorChannel, sessionKey: Uint8Array): void {
    this.#messages.introduced();
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
    this.#messages.close(1011, 'internal error');
  }

  #refuse(refusal: EncryptorRefusal): void {
    if (!this.#messages.isOpen) return;
    this.#ports.totals.refused.add(refusal.code);
    this.#ports.log.warn(
      { code: refusal.code, encryptor: this.#channel?.encryptor },
      `an encryptor was refused: ${refusal.message}`,
    );
    this.#messages.send({ type: 'error', code: refusal.code, message: refusal.message });
    this.#messages.close(encryptorCloseCode(refusal.code), refusal.code);
  }

  #closed(): void {
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
