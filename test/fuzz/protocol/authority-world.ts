import { Authority } from '../../../src/authority/authority.ts';
import { keyExchange } from '../../../src/authority/key-exchange.ts';
import type { LiveBroadcast } from '../../../src/authority/live-broadcast.ts';
import type { ViewingSession } from '../../../src/authority/viewing-session.ts';
import { localBus } from '../../../src/bus/local-bus.ts';
import { AdmissionQueue } from '../../../src/control/admission-queue.ts';
import { ControlConnection, type ControlPorts } from '../../../src/control/control-connection.ts';
import { ControlTotals } from '../../../src/control/control-totals.ts';
import type { Encryptor } from '../../../src/encryptor/key-source.ts';
import { type DeviceKeys, generateDeviceKeys } from '../../../src/keys/device.ts';
import { decryptContentKey, decryptSessionKey } from '../../../src/keys/key-update.ts';
import { proofKey } from '../../../src/keys/possession.ts';
import { signReceipt } from '../../../src/keys/receipt.ts';
import { secretHash } from '../../../src/keys/secret-proof.ts';
import { signWatch } from '../../../src/keys/watch.ts';
import type { Ledger, LedgerReader } from '../../../src/ledger/ledger.ts';
import { MAX_CONTROL_MESSAGE_BYTES, ServerMessage } from '../../../src/protocol/messages.ts';
import { Slices } from '../../../src/slices.ts';
import { kidOf, tokenSecret } from '../../../src/tokens/token-secret.ts';
import { TokenVerifier } from '../../../src/tokens/token-verifier.ts';
import { tariff } from '../../ledger/support-entries.ts';
import { SimProcess, SimTime } from '../../sim/time.ts';
import { FaultLog } from '../fault-log.ts';
import { hs256, signedCompact } from '../jose/compact.ts';
import { SocketPair } from './socket-pair.ts';
import { WebCryptoWork } from './web-crypto-work.ts';

export const TOKEN_SECRET = new Uint8Array(32).fill(7);
export const STREAM_KEY_HASH = 'ab'.repeat(32);
export const ENCRYPTOR_SECRETS = {
  studio: Buffer.alloc(32, 1).toString('base64url'),
  rogue: Buffer.alloc(32, 2).toString('base64url'),
};

const RULES = {
  periodMs: 2_000,
  leadMs: 400,
  spreadMs: 600,
  graceMs: 800,
  reserveMs: 200,
  minAnswerMs: 400,
  maxViewings: 40,
  maxViewingsPerViewer: 2,
  whenAtLimit: 'newest-wins',
  ticketLifetimeMs: 1_000,
} as const;

/** As src/roles/authority-role.ts has them. */
const LIMITS = { helloTimeoutMs: 10_000, messagesPerSecond: 5, burstMessages: 20, maxSocketBytes: 262_144 };

const EXP = Math.floor(Date.now() / 1_000) + 10 * 365 * 86_400;

export const viewerToken = (viewer: string, more: object = {}): string =>
  signedCompact(
    { alg: 'HS256', typ: 'viewer+jwt', kid: kidOf(TOKEN_SECRET) },
    { iss: 'tollcast', aud: 'tollcast', sub: viewer, program: 'news', jti: viewer, exp: EXP, ...more },
    hs256(TOKEN_SECRET),
  );

/** An authority on a clock that passes as inputs say, with programs `news` and `sport`, and a viewer of `news` whom nothing may disturb. */
export class AuthorityWorld {
  readonly work = new WebCryptoWork();
  readonly faults = new FaultLog();
  readonly bus = localBus();
  readonly #time = new SimTime();
  readonly process = new SimProcess(this.#time, 'fuzz', 0);
  readonly ledger: Ledger;
  readonly reader: LedgerReader;
  readonly authority: Authority;
  readonly tokens = new TokenVerifier({ valid: () => [tokenSecret(TOKEN_SECRET)] });
  readonly controlPorts: ControlPorts;
  honest!: HonestViewer;
  #entries = 0;

  constructor() {
    const { process } = this;
    this.ledger = {
      append: async (entry) => {
        const monoMs = process.nowMs();
        return { seq: ++this.#entries, boot: process.boot, monoMs, wallMs: monoMs, hash: '', entry };
      },
      state: { waiting: 0 },
      onForeign: () => () => undefined,
      close: async () => undefined,
    };
    const program = (name: string) => ({ name, title: name, tariff, streamKeyHash: STREAM_KEY_HASH });
    this.reader = {
      programs: () => [program('news'), program('sport')],
      encryptors: () => [
        { name: 'studio', programs: ['news'], secretHash: secretHash(ENCRYPTOR_SECRETS.studio) },
        { name: 'rogue', programs: ['sport', 'gone'], secretHash: secretHash(ENCRYPTOR_SECRETS.rogue) },
      ],
      knowsBroadcast: () => false,
      interruptedBroadcast: () => undefined,
      lastEpoch: () => 0,
      viewings: () => [].values(),
      close: () => undefined,
    };
    const parts = { clock: process, timers: process, log: this.faults.log };
    const { bus, ledger, reader } = this;
    // Nothing waits for its turn: what follows from an input is a matter of the seed.
    const exchange = keyExchange(new Slices(Number.POSITIVE_INFINITY));
    this.authority = new Authority({ ...parts, bus, ledger, reader, rules: RULES, exchange });
    const queue = new AdmissionQueue({ ...parts, maxWaiting: 100, ledgerWaiting: () => 0 });
    const { authority, tokens } = this;
    this.controlPorts = { ...parts, authority, tokens, queue, limits: LIMITS, totals: new ControlTotals() };
    bus.gates.subscribe('local', {
      change: (change) => {
        if (change.kind === 'close') bus.deliveries.publish({ edge: 'local', kind: 'closed', viewing: change.viewing });
      },
      snapshot: () => undefined,
    });
    this.#announce();
  }

  /** `news` is broadcast in this process. */
  async broadcast(): Promise<void> {
    const encryptor: Encryptor = {
      offer: ({ key: { epoch }, notBeforeMs }) => {
        this.process.after(notBeforeMs - this.process.nowMs(), () => this.#began(live, epoch));
      },
      end: () => undefined,
    };
    const live: LiveBroadcast = this.authority.startBroadcast('news', 'b1', encryptor);
    await this.pass(100);
  }

  /** The honest viewer watches. */
  async watch(): Promise<void> {
    this.honest = new HonestViewer(this, await generateDeviceKeys());
    await this.pass(5_000);
    this.honest.check();
  }

  /** Time passes, from one event to the next, each with all that follows from it. */
  async pass(forMs: number): Promise<void> {
    const untilMs = this.#time.nowMs + forMs;
    do await this.work.done();
    while (this.#time.step(untilMs));
  }

  /** Looks whether anything was disturbed. @throws Error */
  check(): void {
    this.faults.check();
    this.honest.check();
  }

  async close(): Promise<void> {
    this.process.kill();
    this.work.close();
  }

  #began(live: LiveBroadcast, epoch: number): void {
    const beforeMs = live.currentBeganMs;
    live.began(epoch, this.process.nowMs());
    this.epochBegan(epoch, beforeMs);
  }

  /** @param beforeMs when the epoch before it began */
  epochBegan(epoch: number, beforeMs: number | undefined): void {
    if (beforeMs !== undefined && this.honest !== undefined) this.honest.served(epoch - 1, beforeMs, this.process.nowMs());
  }

  #announce(): void {
    this.bus.edges.publish({ edge: 'local', url: '', viewings: 0, leaving: false });
    this.process.after(1_000, () => this.#announce());
  }
}

/** Watches `news` to the letter of the protocol, and notes what it should not have seen. */
export class HonestViewer {
  /** What it says, for others to say after it. */
  readonly said: string[] = [];
  readonly token = viewerToken('honest');
  viewing = '';
  contentKey: Uint8Array | undefined;
  readonly #world: AuthorityWorld;
  readonly #device: DeviceKeys;
  readonly #pair: SocketPair;
  #sessionKey: Uint8Array | undefined;
  #inbox: Promise<void> = Promise.resolve();
  #fault: string | undefined;
  /** What it is to be billed, from its second epoch on. */
  #expectedMs: number | undefined;
  epochs = 0;

  constructor(world: AuthorityWorld, device: DeviceKeys) {
    this.#world = world;
    this.#device = device;
    this.#pair = new SocketPair({
      received: (text) => {
        this.#inbox = this.#inbox.then(() => this.#take(text)).catch((error) => this.#failed(String(error)));
      },
      closed: (code) => this.#failed(`closed with ${code}`),
    });
    new ControlConnection(this.#pair.server, world.controlPorts, () => undefined);
  }

  get session(): ViewingSession | undefined {
    return this.#world.authority.viewing(this.viewing);
  }

  check(): void {
    if (this.session?.state.phase !== 'started') this.#failed(`its viewing is ${this.session?.state.phase ?? 'gone'}`);
    if (this.#fault !== undefined) throw new Error(`the honest viewer was disturbed: ${this.#fault}`);
  }

  /** The edge's report of a whole epoch, at the moment when the next one has begun. */
  served(epoch: number, fromMs: number, toMs: number): void {
    const { session } = this;
    if (session === undefined) return;
    const { confirmedEpoch = 0 } = session.state;
    if (this.#expectedMs !== undefined && confirmedEpoch <= epoch)
      this.#failed(`epoch ${epoch + 1} begins, ${confirmedEpoch} is confirmed`);
    this.#world.bus.deliveries.publish({
      edge: 'local',
      kind: 'served',
      program: 'news',
      epoch,
      spans: [[this.viewing, fromMs, toMs]],
    });
    this.#world.process.after(1, () => this.#billed(toMs - fromMs));
  }

  #billed(servedMs: number): void {
    const billedMs = this.session?.billableMs ?? 0;
    if (this.#expectedMs !== undefined && billedMs !== this.#expectedMs + servedMs)
      this.#failed(`billed ${billedMs} ms, not ${this.#expectedMs + servedMs} ms`);
    this.#expectedMs = billedMs;
    this.epochs++;
  }

  #failed(fault: string): void {
    this.#fault ??= fault;
  }

  async #take(text: string): Promise<void> {
    const message = serverMessage(text);
    const device = this.#device;
    switch (message.type) {
      case 'hello': {
        const { token } = this;
        const jws = await signWatch({ program: 'news', tariff, token, challenge: message.challenge }, device);
        return this.#say({ type: 'watch', token, jws });
      }
      case 'viewing':
        this.viewing = message.viewing;
        this.#sessionKey = await decryptSessionKey(message.sessionKey, message.viewing, device.agree.privateKey);
        return;
      case 'key': {
        const { viewing } = this;
        const { epoch } = message;
        this.contentKey = await decryptContentKey(message.jwe, { viewing, epoch }, this.#sessionKey ?? new Uint8Array());
        const receipt = { viewing, epoch, chunks: 0 };
        const jws = await signReceipt(receipt, await proofKey(this.contentKey), device.sign.privateKey);
        return this.#say({ type: 'receipt', jws });
      }
      case 'confirmed':
      case 'ticket':
        return;
      default:
        this.#failed(text);
    }
  }

  #say(message: object): void {
    const text = JSON.stringify(message);
    this.said.push(text);
    if (this.said.length > 8) this.said.splice(1, 1);
    this.#pair.say(text);
  }
}

/** @throws Error where it is none that docs/PROTOCOL.md has, or too long */
export function serverMessage(text: string): ServerMessage {
  if (Buffer.byteLength(text) > MAX_CONTROL_MESSAGE_BYTES)
    throw new Error(`the server sent ${Buffer.byteLength(text)} bytes: ${text.slice(0, 200)}`);
  const message = ServerMessage.parse(JSON.parse(text));
  if (message.type === 'error' && /[\p{Cc}\u2028\u2029]/u.test(message.message)) throw new Error(`not one line: ${text}`);
  return message;
}
