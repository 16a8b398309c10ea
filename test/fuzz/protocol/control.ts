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
import { mutatedJson } from '../mutation.ts';
import { Outcomes } from '../outcomes.ts';
import type { FuzzSession, FuzzTarget } from '../target.ts';
import { Attackers } from './attackers.ts';
import { AuthorityWorld, serverMessage, viewerToken } from './authority-world.ts';
import { Said } from './said.ts';
import { SocketEnd } from './socket-end.ts';

const SOCKETS = 12;
const VIEWERS = 3_000;
/** More than a socket may send at once. */
const FLOOD = 25;

/** docs/PROTOCOL.md, "Error codes"; 1006 where there was no close frame. */
const CLOSE_CODES: ReadonlySet<number> = new Set([1000, 1006, ...ERROR_CODES.map(closeCode)]);

/** Sends whatever it is told to, and keeps what it would need to go on as a viewer does. */
class Attacker {
  readonly end: SocketEnd;
  readonly device: DeviceKeys;
  readonly token: string;
  challenge = '';
  viewing = '';
  readonly keys = new Map<number, Uint8Array>();
  #sessionKey: Uint8Array | undefined;

  constructor(world: AuthorityWorld, device: DeviceKeys, token: string, count: (outcome: string) => void) {
    this.device = device;
    this.token = token;
    this.end = new SocketEnd(CLOSE_CODES, (text) => this.#take(serverMessage(text), count));
    new ControlConnection(this.end.server, world.controlPorts, () => undefined);
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
    const { type, token, jws } = JSON.parse(this.end.sent);
    const statement = JSON.parse(decoded(jws.split('.')[1]));
    const isRight =
      statement.challenge === this.challenge &&
      (type === 'resume' ||
        (type === 'watch' && statement.tokenHash === (await tokenHash(token)) && statement.program === 'news'));
    if (!isRight) throw new Error(`admitted by ${this.end.sent}`);
  }
}

/** What viewers say on control sockets, in any order and form, beside a viewing that goes on. */
class ControlSession implements FuzzSession {
  readonly outcomes = new Outcomes();
  readonly #world: AuthorityWorld;
  readonly #devices: readonly DeviceKeys[];
  readonly #attackers: Attackers<Attacker>;
  readonly #said = new Said({ json: 0.35, jws: 0.6, text: 0.8, bytes: 0.95 });

  private constructor(world: AuthorityWorld, devices: readonly DeviceKeys[]) {
    this.#world = world;
    this.#devices = devices;
    this.#attackers = new Attackers({ most: SOCKETS, newcomer: 0.1 }, (random) => this.#attacker(random));
  }

  static async open(): Promise<ControlSession> {
    const world = new AuthorityWorld();
    await world.broadcast();
    await world.watch();
    return new ControlSession(world, await Promise.all(Array.from({ length: 6 }, generateDeviceKeys)));
  }

  async input(random: Random): Promise<void> {
    if (random.chance(0.4)) await this.#world.pass(random.pick([1, 5, 20, 100]));
    const attacker = this.#attackers.next(random);
    await this.#world.work.done();
    const { end } = attacker;
    if (random.chance(0.03)) end.leave();
    else if (random.chance(0.002)) for (let left = FLOOD; left > 0; left--) end.say('{"type":"ticket"}');
    else end.say(await this.#made(random, attacker));
    await this.#world.work.done();
    end.check('an attacker got what it should not');
    this.#world.check();
  }

  async close(): Promise<void> {
    this.outcomes.set('epochs of the honest viewer', this.#world.honest.epochs);
    await this.#world.close();
  }

  #attacker(random: Random): Attacker {
    const token = viewerToken(`v${random.between(0, VIEWERS)}`, random.chance(0.2) ? { cap: '0.05' } : {});
    return new Attacker(this.#world, random.pick(this.#devices), token, (outcome) => this.outcomes.count(outcome));
  }

  async #made(random: Random, attacker: Attacker): Promise<string | Uint8Array> {
    // Most of what is wrong ends a socket: who has come as far as a viewing mostly does as it should.
    const way = attacker.viewing === '' ? random.next() : random.next() ** 3;
    if (way < 0.15) return this.#said.keep(random, JSON.stringify(await this.#next(random, attacker)));
    if (way < 0.2) return JSON.stringify(mutatedJson(random, await this.#next(random, attacker))) ?? '';
    if (way < 0.25) return JSON.stringify(await this.#lie(random, attacker));
    return this.#said.again(random, way, this.#world.honest.said, (message) => this.#withMutatedJws(random, message));
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
