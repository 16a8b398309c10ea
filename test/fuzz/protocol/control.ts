import { ControlConnection } from '../../../src/control/control-connection.ts';
import { type DeviceKeys, generateDeviceKeys, publicJwk } from '../../../src/keys/device.ts';
import { decryptContentKey, decryptSessionKey } from '../../../src/keys/key-update.ts';
import { proofKey } from '../../../src/keys/possession.ts';
import { signReceipt } from '../../../src/keys/receipt.ts';
import { signResume } from '../../../src/keys/resume.ts';
import { type SignedType, signStatement } from '../../../src/keys/signed.ts';
import { signWatch, tokenHash } from '../../../src/keys/watch.ts';
import { closeCode, ERROR_CODES, type ServerMessage } from '../../../src/protocol/messages.ts';
import { tariff } from '../../ledger/support-entries.ts';
import type { Random } from '../../sim/random.ts';
import { decoded, mutatedCompact } from '../jose/compact.ts';
import { mutatedBytes, mutatedJson, mutatedText } from '../mutation.ts';
import { Outcomes } from '../outcomes.ts';
import type { FuzzSession, FuzzTarget } from '../target.ts';
import { AuthorityWorld, serverMessage, viewerToken } from './authority-world.ts';
import { SocketPair } from './socket-pair.ts';

const SOCKETS = 12;
const VIEWERS = 3_000;
const KEPT_TEXTS = 60;
/** More than a socket may send at once. */
const FLOOD = 25;

/** docs/PROTOCOL.md, "Error codes"; 1006 where there was no close frame. */
const CLOSE_CODES: ReadonlySet<number> = new Set([1000, 1006, ...ERROR_CODES.map(closeCode)]);

/** Sends whatever it is told to, and keeps what it would need to go on as a viewer does. */
class Attacker {
  readonly pair: SocketPair;
  readonly device: DeviceKeys;
  readonly token: string;
  challenge = '';
  viewing = '';
  sent = '';
  readonly keys = new Map<number, Uint8Array>();
  #fault: unknown;
  #sessionKey: Uint8Array | undefined;
  #inbox: Promise<void> = Promise.resolve();

  constructor(world: AuthorityWorld, device: DeviceKeys, token: string, count: (outcome: string) => void) {
    this.device = device;
    this.token = token;
    this.pair = new SocketPair({
      received: (text) => {
        this.#inbox = this.#inbox.then(() => this.#take(serverMessage(text), count)).catch((error) => this.#failed(error));
      },
      closed: (code) => {
        if (!CLOSE_CODES.has(code)) this.#failed(new Error(`closed with ${code} after ${this.sent}`));
      },
    });
    new ControlConnection(this.pair.server, world.controlPorts, () => undefined);
  }

  check(): void {
    if (this.#fault !== undefined) throw new Error('an attacker got what it should not', { cause: this.#fault });
  }

  #failed(fault: unknown): void {
    this.#fault ??= fault;
  }

  async #take(message: ServerMessage, count: (outcome: string) => void): Promise<void> {
    count(message.type === 'error' ? message.code : message.type);
    if (message.type === 'hello') this.challenge = message.challenge;
    if (message.type === 'viewing') {
      await this.#admitted();
      this.viewing = message.viewing;
      // Where it is another device's, it is of no use to this one.
      this.#sessionKey = await decryptSessionKey(message.sessionKey, message.viewing, this.device.agree.privateKey).catch(
        () => undefined,
      );
    }
    if (message.type === 'key' && this.#sessionKey !== undefined) {
      const of = { viewing: this.viewing, epoch: message.epoch };
      this.keys.set(message.epoch, await decryptContentKey(message.jwe, of, this.#sessionKey));
    }
    if (message.type === 'confirmed' && message.started && !this.keys.has(message.epoch))
      throw new Error('confirmed what it has no key of');
  }

  /** What admitted it has to say what was demanded, and of this socket. */
  async #admitted(): Promise<void> {
    const { type, token, jws } = JSON.parse(this.sent);
    const statement = JSON.parse(decoded(jws.split('.')[1]));
    const isRight =
      statement.challenge === this.challenge &&
      (type === 'resume' ||
        (type === 'watch' && statement.tokenHash === (await tokenHash(token)) && statement.program === 'news'));
    if (!isRight) throw new Error(`admitted by ${this.sent}`);
  }
}

/** What viewers say on control sockets, in any order and form, beside a viewing that goes on. */
class ControlSession implements FuzzSession {
  readonly outcomes = new Outcomes();
  readonly #world: AuthorityWorld;
  readonly #devices: readonly DeviceKeys[];
  #attackers: Attacker[] = [];
  /** What was said before, by the honest viewer as well. */
  readonly #texts: string[] = [];

  private constructor(world: AuthorityWorld, devices: readonly DeviceKeys[]) {
    this.#world = world;
    this.#devices = devices;
  }

  static async open(): Promise<ControlSession> {
    const world = new AuthorityWorld();
    await world.broadcast();
    await world.watch();
    return new ControlSession(world, await Promise.all(Array.from({ length: 6 }, generateDeviceKeys)));
  }

  async input(random: Random): Promise<void> {
    if (random.chance(0.4)) await this.#world.pass(random.pick([1, 5, 20, 100]));
    const attacker = await this.#attacker(random);
    if (random.chance(0.03)) attacker.pair.leave();
    else if (random.chance(0.002)) for (let left = FLOOD; left > 0; left--) this.#say(attacker, '{"type":"ticket"}');
    else this.#say(attacker, await this.#made(random, attacker));
    await this.#world.work.done();
    attacker.check();
    this.#world.check();
  }

  async close(): Promise<void> {
    this.outcomes.set('epochs of the honest viewer', this.#world.honest.epochs);
    await this.#world.close();
  }

  async #attacker(random: Random): Promise<Attacker> {
    this.#attackers = this.#attackers.filter(({ pair }) => pair.isOpen);
    if (this.#attackers.length > 2 && !random.chance(0.1)) return random.pick(this.#attackers);
    if (this.#attackers.length >= SOCKETS) this.#attackers.shift()?.pair.leave();
    const token = viewerToken(`v${random.between(0, VIEWERS)}`, random.chance(0.2) ? { cap: '0.05' } : {});
    const made = new Attacker(this.#world, random.pick(this.#devices), token, (outcome) => this.outcomes.count(outcome));
    this.#attackers.push(made);
    await this.#world.work.done();
    return made;
  }

  #say(attacker: Attacker, message: string | Uint8Array): void {
    attacker.sent = String(message);
    attacker.pair.say(message);
  }

  async #made(random: Random, attacker: Attacker): Promise<string | Uint8Array> {
    // Most of what is wrong ends a socket: who has come as far as a viewing mostly does as it should.
    const way = attacker.viewing === '' ? random.next() : random.next() ** 3;
    if (way < 0.15) return this.#kept(random, JSON.stringify(await this.#next(random, attacker)));
    if (way < 0.2) return JSON.stringify(mutatedJson(random, await this.#next(random, attacker))) ?? '';
    if (way < 0.25) return JSON.stringify(await this.#lie(random, attacker));
    const text = random.pick([...this.#texts, ...this.#world.honest.said]);
    if (way < 0.35) return text;
    if (way < 0.6) return JSON.stringify(mutatedJson(random, JSON.parse(text))) ?? '';
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
    const name = random.chance(0.3) && 'token' in message ? 'token' : 'jws';
    const text = String(message[name] ?? 'a.b.c');
    return { ...message, [name]: mutatedCompact(random, text, [this.#world.honest.token, text]) };
  }

  /** What a viewer would say next, or may. */
  async #next(random: Random, { viewing, challenge, device, keys, token }: Attacker): Promise<object> {
    const sign = device.sign.privateKey;
    if (viewing === '') {
      const others = [...this.#world.authority.sessions()].map(({ id }) => id);
      if (random.chance(0.7))
        return { type: 'watch', token, jws: await signWatch({ program: 'news', tariff, token, challenge }, device) };
      const resumed = random.pick(others);
      return { type: 'resume', viewing: resumed, jws: await signResume({ viewing: resumed, challenge }, device) };
    }
    const newest = [...keys].at(random.chance(0.8) ? -1 : 0);
    if (newest !== undefined && random.chance(0.7)) {
      const [epoch, contentKey] = newest;
      return { type: 'receipt', jws: await signReceipt({ viewing, epoch, chunks: 1 }, await proofKey(contentKey), sign) };
    }
    return random.pick([{ type: 'ticket' }, { type: 'ticket' }, { type: 'stop' }]);
  }

  /** Signed as it should be, over what is not so. */
  async #lie(random: Random, { viewing, challenge, device, token }: Attacker): Promise<object> {
    const agree = await publicJwk(device.agree.publicKey);
    const honest = this.#world.honest.viewing;
    const signed = async (type: SignedType, payload: object) =>
      signStatement(type, mutatedJson(random, payload) as object, device.sign.privateKey, await publicJwk(device.sign.publicKey));
    switch (random.between(0, 2)) {
      case 0: {
        const hash = await tokenHash(token);
        return {
          type: 'watch',
          token,
          jws: await signed('tollcast-watch+jws', { program: 'news', tariff, tokenHash: hash, challenge, agree }),
        };
      }
      case 1: {
        const resumed = random.pick([viewing, honest]);
        return {
          type: 'resume',
          viewing: resumed,
          jws: await signed('tollcast-resume+jws', { viewing: resumed, challenge, agree }),
        };
      }
      default: {
        const epoch = this.#world.authority.broadcasts.get('news')?.currentEpoch ?? 1;
        const payload = { viewing: random.pick([viewing, honest]), epoch, chunks: 1, proof: 'A'.repeat(43) };
        return { type: 'receipt', jws: await signed('tollcast-receipt+jws', payload) };
      }
    }
  }
}

export const control: FuzzTarget = {
  name: 'control',
  description: 'control messages of viewers, beside a viewing that must not notice',
  open: () => ControlSession.open(),
};
