import { RemoteEncryptors } from '../../../src/authority/remote-encryptors.ts';
import { ControlTotals } from '../../../src/control/control-totals.ts';
import { EncryptorConnection } from '../../../src/control/encryptor-connection.ts';
import { ENCRYPTOR_LIMITS, type EncryptorPorts } from '../../../src/control/encryptor-route.ts';
import { type DeviceKeys, generateDeviceKeys } from '../../../src/keys/device.ts';
import { decryptEncryptorKey, decryptEncryptorSession } from '../../../src/keys/encryptor-key.ts';
import { signOpening } from '../../../src/keys/encryptor-opening.ts';
import { signEncryptorReceipt } from '../../../src/keys/encryptor-receipt.ts';
import { proofKey } from '../../../src/keys/possession.ts';
import { checkAuthority, proveSecret } from '../../../src/keys/secret-proof.ts';
import {
  AuthorityMessage,
  ENCRYPTOR_ERROR_CODES,
  encryptorCloseCode,
  MAX_ENCRYPTOR_MESSAGE_BYTES,
} from '../../../src/protocol/encryptor-messages.ts';
import type { Random } from '../../sim/random.ts';
import { decoded, mutatedCompact } from '../jose/compact.ts';
import { mutatedBytes, mutatedJson, mutatedText } from '../mutation.ts';
import { Outcomes } from '../outcomes.ts';
import type { FuzzSession, FuzzTarget } from '../target.ts';
import { AuthorityWorld, ENCRYPTOR_SECRETS, STREAM_KEY_HASH } from './authority-world.ts';
import { SocketPair } from './socket-pair.ts';

const SOCKETS = 6;
const KEPT_TEXTS = 60;

/** docs/PROTOCOL.md, "Encryptors' error codes"; 1006 where there was no close frame. */
const CLOSE_CODES: ReadonlySet<number> = new Set([1000, 1006, ...ENCRYPTOR_ERROR_CODES.map(encryptorCloseCode)]);

/** An encryptor as the authority sees it; what it says is for others to say. */
class Peer {
  readonly pair: SocketPair;
  readonly device: DeviceKeys;
  readonly name: string;
  challenge = '';
  sent = '';
  isOpened = false;
  sessionKey: Uint8Array | undefined;
  fault: unknown;
  #inbox: Promise<void> = Promise.resolve();

  constructor(
    ports: EncryptorPorts,
    name: string,
    device: DeviceKeys,
    heard: (message: AuthorityMessage) => Promise<void> | void,
  ) {
    this.name = name;
    this.device = device;
    this.pair = new SocketPair({
      received: (text) => {
        this.#inbox = this.#inbox.then(() => this.#take(text, heard)).catch((error) => this.#failed(error));
      },
      closed: (code) => {
        if (!CLOSE_CODES.has(code)) this.#failed(new Error(`closed with ${code} after ${this.sent}`));
      },
    });
    new EncryptorConnection(this.pair.server, ports, () => undefined);
  }

  say(message: string | Uint8Array): void {
    this.sent = String(message);
    this.pair.say(message);
  }

  async opening(secret: string): Promise<object> {
    const jws = await signOpening({ encryptor: this.name, challenge: this.challenge }, this.device);
    return { type: 'open', encryptor: this.name, proof: proveSecret(secret, jws), jws };
  }

  #failed(fault: unknown): void {
    this.fault ??= fault;
  }

  async #take(text: string, heard: (message: AuthorityMessage) => Promise<void> | void): Promise<void> {
    if (Buffer.byteLength(text) > MAX_ENCRYPTOR_MESSAGE_BYTES) throw new Error(`the authority sent ${text.length} characters`);
    const message = AuthorityMessage.parse(JSON.parse(text));
    if (message.type === 'error' && /[\p{Cc}\u2028\u2029]/u.test(message.message)) throw new Error(`not one line: ${text}`);
    if (message.type === 'hello') this.challenge = message.challenge;
    if (message.type === 'opened') {
      const { encryptor, jws } = JSON.parse(this.sent);
      const statement = JSON.parse(decoded(jws.split('.')[1]));
      if (statement.challenge !== this.challenge || statement.encryptor !== encryptor) throw new Error(`opened by ${this.sent}`);
      const secret = encryptor === 'studio' ? ENCRYPTOR_SECRETS.studio : ENCRYPTOR_SECRETS.rogue;
      if (!checkAuthority(secret, jws, message.sessionKey, message.proof)) throw new Error('the authority did not prove itself');
      this.isOpened = true;
      this.sessionKey = await decryptEncryptorSession(message.sessionKey, encryptor, this.device.agree.privateKey).catch(
        () => undefined,
      );
    }
    await heard(message);
  }
}

/** Broadcasts `news`, and notes what should not have come to it. */
class HonestEncryptor {
  readonly said: string[] = [];
  readonly peer: Peer;
  readonly #world: AuthorityWorld;
  #reports = 0;
  #newestEpoch = 0;
  #fault: string | undefined;

  constructor(world: AuthorityWorld, ports: EncryptorPorts, device: DeviceKeys) {
    this.#world = world;
    this.peer = new Peer(ports, 'studio', device, (message) => this.#heard(message));
  }

  check(): void {
    if (this.peer.fault !== undefined) throw new Error('the honest encryptor was disturbed', { cause: this.peer.fault });
    if (this.#fault !== undefined) throw new Error(`the honest encryptor was disturbed: ${this.#fault}`);
    if (!this.peer.pair.isOpen) throw new Error('the honest encryptor lost its socket');
  }

  async #heard(message: AuthorityMessage): Promise<void> {
    if (message.type === 'hello') this.#say(await this.peer.opening(ENCRYPTOR_SECRETS.studio));
    if (message.type === 'opened')
      this.#say({ type: 'begin', program: 'news', broadcast: 'n1', timelineMs: 0, away: false, heard: 0, reports: [] });
    if (message.type === 'key') await this.#key(message);
    if (message.type === 'end' || message.type === 'error') this.#fault = JSON.stringify(message);
  }

  async #key({ epoch, jwe, startsInMs }: Extract<AuthorityMessage, { type: 'key' }>): Promise<void> {
    const of = { encryptor: 'studio', program: 'news', epoch };
    const key = await decryptEncryptorKey(jwe, of, this.peer.sessionKey ?? new Uint8Array());
    this.#report({ type: 'receipt', jws: await signEncryptorReceipt(of, await proofKey(key), this.peer.device.sign.privateKey) });
    this.#world.process.after(startsInMs, () => {
      if (epoch <= this.#newestEpoch) return;
      this.#newestEpoch = epoch;
      const live = this.#world.authority.broadcasts.get('news');
      const beforeMs = live?.currentBeganMs;
      this.#report({ type: 'began', epoch });
      // It is handled in a later turn, in which no time passes.
      this.#world.process.after(0, () => this.#world.epochBegan(epoch, beforeMs));
    });
  }

  #report(report: object): void {
    this.#say({ ...report, program: 'news', broadcast: 'n1', seq: ++this.#reports, agoMs: 0 });
  }

  #say(message: object): void {
    const text = JSON.stringify(message);
    this.said.push(text);
    if (this.said.length > 8) this.said.splice(2, 1);
    this.peer.say(text);
  }
}

/** What an encryptor says with a credential for another program, or without one, beside a broadcast and a viewing that must not notice. */
class EncryptorSession implements FuzzSession {
  readonly outcomes = new Outcomes();
  readonly #world: AuthorityWorld;
  readonly #ports: EncryptorPorts;
  readonly #honest: HonestEncryptor;
  readonly #devices: readonly DeviceKeys[];
  #attackers: Peer[] = [];
  readonly #texts: string[] = [];
  /** The reports that attackers' broadcast of `sport` has come to. */
  #seq = 1;
  #broadcast = 1;
  readonly #receipts: string[] = [];

  private constructor(world: AuthorityWorld, ports: EncryptorPorts, devices: readonly DeviceKeys[]) {
    const [device] = devices;
    if (device === undefined) throw new Error('no device');
    this.#world = world;
    this.#ports = ports;
    this.#devices = devices.slice(1);
    this.#honest = new HonestEncryptor(world, ports, device);
  }

  static async open(): Promise<EncryptorSession> {
    const world = new AuthorityWorld();
    const { authority, ledger, reader, process: clock, faults } = world;
    const parts = { clock, timers: clock, log: faults.log };
    const encryptors = new RemoteEncryptors({ ...parts, authority, ledger, reader });
    const devices = await Promise.all(Array.from({ length: 4 }, generateDeviceKeys));
    const session = new EncryptorSession(
      world,
      { ...parts, encryptors, limits: ENCRYPTOR_LIMITS, totals: new ControlTotals() },
      devices,
    );
    await world.pass(1_000);
    await world.watch();
    return session;
  }

  async input(random: Random): Promise<void> {
    if (random.chance(0.3)) await this.#world.pass(random.pick([1, 5, 20, 100]));
    const attacker = await this.#attacker(random);
    if (random.chance(0.02)) attacker.pair.leave();
    else attacker.say(await this.#made(random, attacker));
    await this.#world.work.done();
    if (attacker.fault !== undefined) throw new Error('an attacker got what it should not', { cause: attacker.fault });
    this.#honest.check();
    this.#world.check();
  }

  async close(): Promise<void> {
    this.outcomes.set('epochs of the honest viewer', this.#world.honest.epochs);
    await this.#world.close();
  }

  async #attacker(random: Random): Promise<Peer> {
    this.#attackers = this.#attackers.filter(({ pair }) => pair.isOpen);
    if (this.#attackers.length > 2 && !random.chance(0.05)) return random.pick(this.#attackers);
    if (this.#attackers.length >= SOCKETS) this.#attackers.shift()?.pair.leave();
    const made: Peer = new Peer(this.#ports, 'rogue', random.pick(this.#devices), (message) => this.#heard(made, message));
    this.#attackers.push(made);
    await this.#world.work.done();
    return made;
  }

  async #heard(peer: Peer, message: AuthorityMessage): Promise<void> {
    this.outcomes.count(
      message.type === 'error' ? message.code : message.type === 'end' ? `end, ${message.reason}` : message.type,
    );
    if (message.type === 'begun' && message.program === 'news') throw new Error('it has the broadcast of another');
    if (message.type === 'heard' && message.program === 'sport') this.#seq = message.seq + 1;
    if (message.type !== 'key') return;
    if (message.program !== 'sport') throw new Error('it has a key of another program');
    if (peer.sessionKey === undefined) return;
    const of = { encryptor: 'rogue', program: 'sport', epoch: message.epoch };
    const key = await decryptEncryptorKey(message.jwe, of, peer.sessionKey);
    this.#receipts.push(await signEncryptorReceipt(of, await proofKey(key), peer.device.sign.privateKey));
    if (this.#receipts.length > 4) this.#receipts.shift();
  }

  async #made(random: Random, attacker: Peer): Promise<string | Uint8Array> {
    // Most of what is wrong ends a socket: who is let in mostly does as it should.
    const way = attacker.isOpened ? random.next() ** 3 : random.next();
    if (way < 0.2) return this.#kept(random, JSON.stringify(await this.#next(random, attacker)));
    if (way < 0.3) return JSON.stringify(mutatedJson(random, await this.#next(random, attacker))) ?? '';
    const text = random.pick([...this.#texts, ...this.#honest.said]);
    if (way < 0.4) return text;
    if (way < 0.7) return JSON.stringify(mutatedJson(random, JSON.parse(text))) ?? '';
    if (way < 0.8) return JSON.stringify(this.#withMutatedJws(random, JSON.parse(text)));
    if (way < 0.95) return mutatedText(random, text);
    return mutatedBytes(random, Buffer.from(text));
  }

  #kept(random: Random, text: string): string {
    if (this.#texts.length < KEPT_TEXTS) this.#texts.push(text);
    else this.#texts[random.between(0, KEPT_TEXTS - 1)] = text;
    return text;
  }

  #withMutatedJws(random: Random, message: Record<string, unknown>): object {
    const jws = mutatedCompact(random, String(message.jws ?? 'a.b.c'), ['a.b.c']);
    const proof = random.chance(0.5) ? proveSecret(ENCRYPTOR_SECRETS.rogue, jws) : message.proof;
    return { ...message, jws, ...(proof === undefined ? {} : { proof }) };
  }

  /** What an encryptor of `sport` would say next, or may; now and then of `news`. */
  async #next(random: Random, attacker: Peer): Promise<object> {
    if (!attacker.isOpened) return attacker.opening(random.chance(0.95) ? ENCRYPTOR_SECRETS.rogue : ENCRYPTOR_SECRETS.studio);
    const program = random.chance(0.9) ? 'sport' : random.pick(['news', 'gone']);
    const broadcast = program === 'news' ? 'n1' : `s${this.#broadcast}`;
    const report = { program, broadcast, seq: this.#seq, agoMs: random.pick([0, 5, 1e9]) };
    const epoch = random.between(1, 1 + (this.#world.authority.broadcasts.get('sport')?.lastEpoch ?? 1));
    switch (random.between(0, 9)) {
      case 0:
        return { type: 'verify', id: 1, program, streamKeyHash: STREAM_KEY_HASH };
      case 1:
      case 2: {
        const reports = random.chance(0.2) ? [{ type: random.pick(['away', 'back']), ...report }] : [];
        return {
          type: 'begin',
          program,
          broadcast,
          timelineMs: random.pick([0, 1e6]),
          away: random.chance(0.1),
          heard: 0,
          reports,
        };
      }
      case 3:
        if (random.chance(0.3)) this.#broadcast++;
        return { type: 'ended', ...report, reason: random.pick(['broadcast-ended', 'shutdown']) };
      case 4:
        return { type: random.pick(['away', 'back']), ...report };
      case 5:
      case 6:
        return { type: 'began', ...report, epoch };
      default:
        return { type: 'receipt', ...report, jws: this.#receipts.length > 0 ? random.pick(this.#receipts) : 'a.b.c' };
    }
  }
}

export const encryptor: FuzzTarget = {
  name: 'encryptor',
  description: "encryptors' messages, beside a broadcast and a viewing that must not notice",
  open: () => EncryptorSession.open(),
};
