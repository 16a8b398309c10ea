import { setImmediate } from 'node:timers/promises';
import type { CryptoKey } from 'jose';
import { pino } from 'pino';
import { Authority, type AuthorityRules } from '../../src/authority/authority.ts';
import type { Channel } from '../../src/authority/outbox.ts';
import type { ViewingSession } from '../../src/authority/viewing-session.ts';
import type { ViewingRecord } from '../../src/billing/viewing-record.ts';
import { localBus } from '../../src/bus/local-bus.ts';
import { TollcastError } from '../../src/errors.ts';
import { generateDeviceKeys } from '../../src/keys/device.ts';
import { decryptContentKey, decryptSessionKey } from '../../src/keys/key-update.ts';
import { verifyWatch } from '../../src/keys/node/watch.ts';
import { proofKey } from '../../src/keys/possession.ts';
import { signReceipt } from '../../src/keys/receipt.ts';
import { signWatch } from '../../src/keys/watch.ts';
import type { Entry, EntryKind } from '../../src/ledger/entry.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { ServerMessage } from '../../src/protocol/messages.ts';
import type { ViewerToken } from '../../src/tokens/viewer-token.ts';
import { tariff } from '../ledger/support-entries.ts';
import { FakeTime } from '../media/fake-time.ts';
import { readerOf } from './one-program.ts';

export const RULES: AuthorityRules = {
  periodMs: 2_000,
  leadMs: 400,
  spreadMs: 600,
  graceMs: 800,
  reserveMs: 200,
  minAnswerMs: 400,
  maxViewings: 10,
  maxViewingsPerViewer: 1,
  whenAtLimit: 'newest-wins',
  ticketLifetimeMs: 1_000,
};

const STEP_MS = 50;

/** An authority on time that passes only when a test says so, with an edge and an encryptor that do what it says. */
export class AuthorityHarness {
  readonly time = new FakeTime();
  readonly bus = localBus();
  readonly entries: Entry[] = [];
  /** How long each of them might have waited for others. */
  readonly patienceMs = new Map<Entry, number>();
  readonly authority: Authority;
  /** For the ledger to be slow with a kind of entry: it is durable once this resolves. */
  slow: { readonly kind: EntryKind; readonly until: Promise<void> } | undefined;

  /** For it to take none of a kind. */
  refuses: EntryKind | undefined;

  constructor(rules: Partial<AuthorityRules> = {}, past: readonly ViewingRecord[] = []) {
    const { time, bus } = this;
    const ledger: Ledger = {
      append: async (entry, patienceMs = 0) => {
        this.patienceMs.set(entry, patienceMs);
        const monoMs = time.nowMs();
        if (this.refuses === entry.kind) throw new TollcastError('ledger-full', 'for a test');
        if (this.slow?.kind === entry.kind) await this.slow.until;
        this.entries.push(entry);
        return { seq: this.entries.length, boot: time.boot, monoMs, wallMs: monoMs, hash: '', entry };
      },
      state: { waiting: 0 },
      onForeign: () => () => undefined,
      close: async () => undefined,
    };
    const news = { name: 'news', title: 'News', tariff, streamKeyHash: '' };
    this.authority = new Authority({
      clock: time,
      timers: time,
      log: pino({ level: 'silent' }),
      bus,
      ledger,
      reader: readerOf(news, past),
      rules: { ...RULES, ...rules },
    });
    bus.gates.subscribe('local', {
      change: (change) => {
        if (change.kind === 'close')
          bus.deliveries.publish({ edge: 'local', kind: 'closed', viewing: change.viewing, lastChunkMs: time.nowMs() });
      },
      snapshot: () => undefined,
    });
    bus.edges.publish({ edge: 'local', url: '', viewings: 0, leaving: false });
  }

  /** A broadcast whose first epoch has begun. */
  async live() {
    const live = this.authority.startBroadcast('news', 'b1', { offer: () => undefined, end: () => undefined });
    await settled();
    live.began(1, this.time.nowMs());
    return live;
  }

  /** @throws Refusal */
  async watch(token: Omit<ViewerToken, 'programs'>): Promise<Viewer> {
    const device = await generateDeviceKeys();
    const jws = await signWatch({ program: 'news', tariff, token: 'token', challenge: 'challenge' }, device);
    const viewer = new Viewer(device);
    viewer.session = await this.authority.watch({
      token: { programs: ['news'], ...token },
      tokenText: 'token',
      watch: verifyWatch(jws),
      jws,
      challenge: 'challenge',
      channel: viewer,
    });
    return viewer;
  }

  /** Time passes, in steps that leave room for what goes on beside it. */
  async pass(forMs: number): Promise<void> {
    for (let leftMs = forMs; leftMs > 0; leftMs -= STEP_MS) {
      this.time.advance(Math.min(STEP_MS, leftMs));
      await settled();
    }
  }

  /** An edge's report. */
  served(viewer: Viewer, fromMs: number, toMs: number): void {
    const epoch = this.authority.broadcasts.get('news')?.currentEpoch ?? 0;
    this.bus.deliveries.publish({
      edge: 'local',
      kind: 'served',
      program: 'news',
      epoch,
      spans: [[viewer.session.id, fromMs, toMs]],
    });
  }

  /** Recorded served time of a viewing: what it can be billed at most. */
  servedMs(viewer: Viewer): number {
    return this.entries
      .flatMap((entry) => (entry.kind === 'served' ? entry.spans : []))
      .filter(([viewing]) => viewing === viewer.session.id)
      .reduce((sum, [, fromMs, toMs]) => sum + toMs - fromMs, 0);
  }
}

/** A viewer that answers the keys that it is told to. */
export class Viewer implements Channel {
  session!: ViewingSession;
  readonly messages: ServerMessage[] = [];
  readonly #device: Awaited<ReturnType<typeof generateDeviceKeys>>;
  readonly #keys = new Map<number, Uint8Array>();
  #sessionKey: Uint8Array | undefined;
  #inbox: Promise<void> = Promise.resolve();

  constructor(device: Awaited<ReturnType<typeof generateDeviceKeys>>) {
    this.#device = device;
  }

  send(message: ServerMessage): void {
    this.messages.push(message);
    this.#inbox = this.#inbox.then(() => this.#take(message));
  }

  close(): void {}

  get ended(): string | undefined {
    return this.messages.find((message) => message.type === 'ended')?.reason;
  }

  /** Waits for an epoch's key, and answers it. */
  async confirm(epoch: number): Promise<void> {
    const viewing = this.session.id;
    while (!this.#keys.has(epoch)) await settled();
    const key = await proofKey(this.#keys.get(epoch) ?? new Uint8Array());
    const signKey: CryptoKey = this.#device.sign.privateKey;
    await this.session.receive(await signReceipt({ viewing, epoch, chunks: 0 }, key, signKey));
    await settled();
  }

  async #take(message: ServerMessage): Promise<void> {
    if (message.type === 'viewing')
      this.#sessionKey = await decryptSessionKey(message.sessionKey, message.viewing, this.#device.agree.privateKey);
    if (message.type === 'key' && this.#sessionKey !== undefined) {
      const of = { viewing: this.session.id, epoch: message.epoch };
      this.#keys.set(message.epoch, await decryptContentKey(message.jwe, of, this.#sessionKey));
    }
  }
}

/** What had been begun in promises has run, as far as it needs no time and no other thread. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await setImmediate();
}
