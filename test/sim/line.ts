import type { EncryptorExchange } from '../../src/authority/encryptor-exchange.ts';
import type { EncryptorChannel } from '../../src/authority/remote-encryptor.ts';
import type { RemoteEncryptors } from '../../src/authority/remote-encryptors.ts';
import type { Connection, ConnectionListener } from '../../src/encryptor/authority-connection.ts';
import type { HeldKey } from '../../src/keys/encryptor-receipt.ts';
import { AuthorityMessage, EncryptorMessage, EncryptorRefusal } from '../../src/protocol/encryptor-messages.ts';
import { asKey, proofOf } from './exchange.ts';
import type { Random } from './random.ts';
import type { SimProcess, SimTime } from './time.ts';

/** An authority that encryptors elsewhere can reach. */
export interface LineEnd {
  readonly process: SimProcess;
  readonly encryptors: RemoteEncryptors;
}

export interface LinePorts {
  readonly time: SimTime;
  readonly random: Random;
  readonly maxLatencyMs: number;
  /** The encryptor's. */
  readonly process: SimProcess;
  readonly encryptor: string;
  readonly programs: readonly string[];
  /** Undefined while there is none. */
  authority(): LineEnd | undefined;
  isOut(): boolean;
  isRevoked(): boolean;
  /** Both ends have it. */
  opened(): void;
  /** For figures. */
  count(what: string): void;
  /** What came could not be handled. */
  failed(error: unknown): void;
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Keys and receipts that only say what they are, as those of viewers do: exchange.ts. */
export const simEncryptorExchange: EncryptorExchange = {
  proofKey: (contentKey) => asKey(proofOf(hexOf(contentKey))),
  verifyReceipt(jws, of, signKey, proofKeyOf) {
    const { process, encryptor, program, epoch, proof } = JSON.parse(jws) as HeldKey & { process: string; proof: string };
    if (process !== String(signKey) || encryptor !== of.encryptor || program !== of.program) throw new Error('not its receipt');
    const key = proofKeyOf(epoch);
    if (key === undefined || String(key) !== proof) throw new Error('the proof is wrong');
    return epoch;
  },
};

/**
 * One socket between an encryptor and the authority: what is sent arrives late and in order, and what is on its way when it is cut does
 * not. Each end notices by itself, at once or after seconds.
 */
export class SimLine implements Connection {
  readonly #ports: LinePorts;
  readonly #listener: ConnectionListener;
  readonly #far: LineEnd | undefined;
  #channel: EncryptorChannel | undefined;
  #isCut = false;
  #isOpen = false;
  #farIsOpen = false;
  #isClosed = false;
  readonly #arrivesMs = { there: 0, here: 0 };
  #inbox: Promise<void> = Promise.resolve();
  #farInbox: Promise<void> = Promise.resolve();

  constructor(ports: LinePorts, listener: ConnectionListener) {
    this.#ports = ports;
    this.#listener = listener;
    this.#far = ports.authority();
    // Nobody answers.
    this.#isCut = this.#far === undefined || ports.isOut();
    if (this.#isCut) this.#closedHere(ports.random.between(1, 1_000));
    else this.#there(() => this.#accept());
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  send(message: EncryptorMessage): void {
    const json = JSON.stringify(message);
    if (!this.#ports.process.isAlive) return;
    this.#there(() => {
      if (this.#farIsOpen) this.#farInbox = this.#farInbox.then(() => this.#take(json)).catch((error) => this.#refuse(error));
    });
  }

  async decryptKey(jwe: string, { encryptor, program, epoch }: HeldKey): Promise<Uint8Array> {
    const { process, contentKey, ...of } = JSON.parse(jwe) as HeldKey & { process: string; contentKey: string };
    const isMine = process === this.#ports.process.boot && of.encryptor === encryptor && of.program === program;
    if (!isMine || of.epoch !== epoch) throw new Error('a key for another process, program or epoch');
    return new Uint8Array(Buffer.from(contentKey, 'hex'));
  }

  async signReceipt({ encryptor, program, epoch }: HeldKey, contentKey: Uint8Array): Promise<string> {
    const proof = proofOf(hexOf(contentKey));
    return JSON.stringify({ process: this.#ports.process.boot, encryptor, program, epoch, proof });
  }

  close(): void {
    this.#isOpen = false;
    this.#there(() => this.#closedThere(0));
    this.#closedHere(1);
  }

  /** Whatever is on its way is lost. */
  cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#closedThere(this.#noticesMs());
    this.#closedHere(this.#noticesMs());
  }

  /** One end has died; the other notices. */
  died(which: 'here' | 'there'): void {
    this.#isCut = true;
    if (which === 'here') this.#closedThere(this.#noticesMs());
    else this.#closedHere(this.#noticesMs());
  }

  /** Of two ends, one may know at once; or it finds out by a ping. */
  #noticesMs(): number {
    const { random } = this.#ports;
    return random.chance(0.5) ? random.between(0, 50) : random.between(1_000, 10_000);
  }

  #accept(): void {
    const far = this.#far;
    const { encryptor, programs, process } = this.#ports;
    if (far === undefined) return;
    this.#farIsOpen = true;
    if (this.#ports.isRevoked()) {
      this.#refuse(new EncryptorRefusal('credential-invalid', `there is no encryptor "${encryptor}" with that secret`));
      return;
    }
    const channel: EncryptorChannel = {
      encryptor,
      programs,
      process: process.boot,
      signKey: asKey(process.boot),
      encryptKey: (contentKey, of) => JSON.stringify({ process: process.boot, ...of, contentKey: hexOf(contentKey) }),
      send: (message) => this.#tell(message),
      close: () => this.#shut(),
      refuse: (refusal) => this.#refuse(refusal),
    };
    this.#channel = channel;
    far.encryptors.opened(channel);
    this.#ports.opened();
    this.#here(() => {
      this.#isOpen = true;
      this.#listener.opened(programs);
    });
  }

  /** As control/encryptor-connection.ts does: in order, one at a time. */
  async #take(json: string): Promise<void> {
    const [far, channel] = [this.#far, this.#channel];
    if (far === undefined || channel === undefined || !this.#farIsOpen) return;
    const message = EncryptorMessage.parse(JSON.parse(json));
    switch (message.type) {
      case 'open':
        return;
      case 'verify':
        this.#tell(far.encryptors.verify(channel, message));
        return;
      case 'begin':
        for (const _ of message.reports) this.#ports.count('messages: reports of encryptors repeated');
        await far.encryptors.begin(channel, message);
        return;
      default:
        await far.encryptors.report(channel, message);
    }
  }

  #tell(message: AuthorityMessage): void {
    if (!this.#far?.process.isAlive || !this.#farIsOpen) return;
    const json = JSON.stringify(message);
    this.#here(() => {
      const arrivedMs = this.#ports.process.nowMs();
      const told = AuthorityMessage.parse(JSON.parse(json));
      if (told.type !== 'hello' && told.type !== 'opened')
        this.#inbox = this.#inbox.then(() => this.#listener.told(told, arrivedMs)).catch((error) => this.#ports.failed(error));
    });
  }

  #refuse(error: unknown): void {
    if (!this.#farIsOpen) return;
    if (!(error instanceof EncryptorRefusal)) {
      this.#ports.failed(error);
      return;
    }
    this.#ports.count(`encryptors refused: ${error.code}`);
    this.#tell({ type: 'error', code: error.code, message: error.message });
    this.#shut();
  }

  /** The authority closes it. */
  #shut(): void {
    this.#here(() => this.#closedHere(0));
    this.#closedThere(0);
  }

  #closedThere(delayMs: number): void {
    const far = this.#far;
    far?.process.after(delayMs, () => {
      if (!this.#farIsOpen) return;
      this.#farIsOpen = false;
      if (this.#channel !== undefined) far.encryptors.closed(this.#channel);
    });
  }

  #closedHere(delayMs: number): void {
    this.#ports.process.after(delayMs, () => {
      if (this.#isClosed) return;
      this.#isClosed = true;
      this.#isOpen = false;
      this.#inbox = this.#inbox.then(() => this.#listener.closed('the line is cut'));
    });
  }

  #there(arrives: () => void): void {
    const far = this.#far;
    if (far !== undefined) this.#carry('there', far.process, arrives);
  }

  #here(arrives: () => void): void {
    this.#carry('here', this.#ports.process, () => {
      if (!this.#isClosed) arrives();
    });
  }

  #carry(way: 'there' | 'here', to: SimProcess, arrives: () => void): void {
    const { time, random, maxLatencyMs } = this.#ports;
    const atMs = Math.max(this.#arrivesMs[way], time.nowMs + random.between(1, maxLatencyMs));
    this.#arrivesMs[way] = atMs;
    time.at(atMs, () => {
      if (this.#isCut) this.#ports.count('messages: of encryptors lost');
      else if (to.isAlive) arrives();
    });
  }
}
