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
import { mutatedJson } from '../mutation.ts';
import { Outcomes } from '../outcomes.ts';
import type { FuzzSession, FuzzTarget } from '../target.ts';
import { Attackers } from './attackers.ts';
import { AuthorityWorld, ENCRYPTOR_SECRETS, STREAM_KEY_HASH } from './authority-world.ts';
import { Said } from './said.ts';
import { SocketEnd } from './socket-end.ts';

const SOCKETS = 6;

/** docs/PROTOCOL.md, "Encryptors' error codes"; 1006 where there was no close frame. */
const CLOSE_CODES: ReadonlySet<number> = new Set([1000, 1006, ...ENCRYPTOR_ERROR_CODES.map(encryptorCloseCode)]);

/** An encryptor as the authority sees it; what it says is for others to say. */
class Peer {
  readonly end: SocketEnd;
  readonly device: DeviceKeys;
  readonly name: string;
  challenge = '';
  isOpened = false;
  sessionKey: Uint8Array | undefined;

  constructor(
    ports: EncryptorPorts,
    name: string,
    device: DeviceKeys,
    heard: (message: AuthorityMessage) => Promise<void> | void,
  ) {
    this.name = name;
    this.device = device;
    this.end = new SocketEnd(CLOSE_CODES, (text) => this.#take(text, heard));
    new EncryptorConnection(this.end.server, ports, () => undefined);
  }

  async opening(secret: string): Promise<object> {
    const jws = await signOpening({ encryptor: this.name, challenge: this.challenge }, this.device);
    return { type: 'open', encryptor: this.name, proof: proveSecret(secret, jws), jws };
  }

  async #take(text: string, heard: (message: AuthorityMessage) => Promise<void> | void): Promise<void> {
    if (Buffer.byteLength(text) > MAX_ENCRYPTOR_MESSAGE_BYTES) throw new Error(`the authority sent ${text.length} characters`);
    const message = AuthorityMessage.parse(JSON.parse(text));
    if (message.type === 'error' && /[\p{Cc}\u2028\u2029]/u.test(message.message)) throw new Error(`not one line: ${text}`);
    if (message.type === 'hello') this.challenge = message.challenge;
    if (message.type === 'opened') {
      const { encryptor, jws } = JSON.parse(this.end.sent);
      const statement = JSON.parse(decoded(jws.split('.')[1]));
      if (statement.challenge !== this.challenge || statement.encryptor !== encryptor)
        throw new Error(`opened by ${this.end.sent}`);
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
    this.peer.end.check('the honest encryptor was disturbed');
    if (this.#fault !== undefined) throw new Error(`the honest encryptor was disturbed: ${this.#fault}`);
    if (!this.peer.end.isOpen) throw new Error('the honest encryptor lost its socket');
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
    this.peer.end.say(text);
  }
}

/** What an encryptor says with a credential for another program, or without one, beside a broadcast and a viewing that must not notice. */
class EncryptorSession implements FuzzSession {
  readonly outcomes = new Outcomes();
  readonly #world: AuthorityWorld;
  readonly #ports: EncryptorPorts;
  readonly #honest: HonestEncryptor;
  readonly #devices: readonly DeviceKeys[];
  readonly #attackers = new Attackers({ most: SOCKETS, newcomer: 0.05 }, (random) => this.#attacker(random));
  readonly #said = new Said({ json: 0.4, jws: 0.7, text: 0.8, bytes: 0.95 });
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
    const attacker = this.#attackers.next(random);
    await this.#world.work.done();
    if (random.chance(0.02)) attacker.end.leave();
    else attacker.end.say(await this.#made(random, attacker));
    await this.#world.work.done();
    attacker.end.check('an attacker got what it should not');
    this.#honest.check();
    this.#world.check();
  }

  async close(): Promise<void> {
    this.outcomes.set('epochs of the honest viewer', this.#world.honest.epochs);
    await this.#world.close();
  }

  #attacker(random: Random): Peer {
    const made: Peer = new Peer(this.#ports, 'rogue', random.pick(this.#devices), (message) => this.#heard(made, message));
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
    if (way < 0.2) return this.#said.keep(random, JSON.stringify(await this.#next(random, attacker)));
    if (way < 0.3) return JSON.stringify(mutatedJson(random, await this.#next(random, attacker))) ?? '';
    return this.#said.again(random, way, this.#honest.said, (message) => this.#withMutatedJws(random, message));
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
