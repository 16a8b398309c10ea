import { setImmediate } from 'node:timers/promises';
import { pino } from 'pino';
import { Authority, type AuthorityRules } from '../../src/authority/authority.ts';
import type { ViewingSession } from '../../src/authority/viewing-session.ts';
import { runningCharge } from '../../src/billing/charge.ts';
import { billableMs } from '../../src/billing/metering.ts';
import type { Tariff } from '../../src/billing/tariff.ts';
import type { Bus } from '../../src/bus/bus.ts';
import { localBus } from '../../src/bus/local-bus.ts';
import { Edge } from '../../src/edge/edge.ts';
import { appendNow } from '../../src/ledger/chain-writer.ts';
import type { LedgerReader } from '../../src/ledger/ledger.ts';
import { openReader } from '../../src/ledger/reader.ts';
import { recover } from '../../src/ledger/recovery.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { Flag } from '../../src/media/chunk.ts';
import { CACHE_LIMITS } from '../../src/media/keyframe-cache.ts';
import type { ServerMessage } from '../../src/protocol/messages.ts';
import { chunksIn } from '../e2e/wire-chunk.ts';
import { SimBroadcast } from './broadcaster.ts';
import { SimBus } from './bus.ts';
import { SimDisk, SimLedger } from './disk.ts';
import { asKey, openUpdate, simKeyExchange } from './exchange.ts';
import { type Fault, NO_FAULT, type Seams } from './faults.ts';
import { Oracle } from './oracle.ts';
import { Random } from './random.ts';
import { SimProcess, SimTime } from './time.ts';
import { CHARACTERS, type SimChannel, type SimMediaSocket, SimViewer } from './viewer.ts';

const TARIFF: Tariff = { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 1 };
const log = pino({ level: 'silent' });
const CLOSE_MS = 12_000;

export interface SimOptions {
  readonly seed: number;
  /** Simulated. */
  readonly forMs: number;
  /** Broken on purpose. */
  readonly fault?: Fault | undefined;
}

/** What became of a run. */
export interface SimResult {
  readonly counts: Oracle['counts'];
  readonly billedMs: number;
  /** Of all that happened, in its order: equal for equal seeds. */
  readonly trace: string;
}

/** The authority's process, with its encryptor, and in a relay its edge. */
interface Server {
  readonly process: SimProcess;
  readonly bus: Bus;
  readonly authority: Authority;
  readonly reader: LedgerReader;
  readonly ledger: SimLedger;
}

interface EdgeHost {
  readonly process: SimProcess;
  readonly edge: Edge;
}

/** One deployment and everybody who has to do with it, as a seed has it. */
export class SimWorld {
  readonly time = new SimTime();
  readonly random: Random;
  readonly oracle: Oracle;
  readonly #seams: Seams;
  readonly #form: 'relay' | 'facility';
  readonly #forMs: number;
  /** It takes a quarter of a run's time. */
  readonly #searchesDisk: boolean;
  readonly #rules: AuthorityRules;
  readonly #disk = new SimDisk();
  readonly #bus: SimBus;
  readonly #programs = ['news', 'sport'] as const;
  readonly #viewers: SimViewer[] = [];
  readonly #edges = new Map<string, EdgeHost>();
  readonly #broadcasts = new Map<string, SimBroadcast>();
  readonly #told = new Map<string, { ms: number; reason: string }>();
  readonly #contiguous = new Map<SimMediaSocket, { epoch: number; counter: number; flags: number }>();
  #server: Server | undefined;
  #slowSockets = 0;
  #runs = 0;
  #isClosing = false;
  #hash = 0;

  constructor({ seed, forMs, fault }: SimOptions) {
    this.random = new Random(seed);
    this.#seams = { ...NO_FAULT, ...fault?.make() };
    this.#form = this.random.chance(0.5) ? 'relay' : 'facility';
    this.#forMs = forMs;
    this.#searchesDisk = seed % 5 === 0;
    const latencyMs = this.random.between(2, 80);
    this.oracle = new Oracle(this.time, this.#form === 'relay' ? 2 : 2 * latencyMs);
    this.#bus = new SimBus(this.time, this.random, latencyMs);
    const periodMs = this.random.pick([2_000, 3_000, 5_000]);
    this.#rules = {
      periodMs,
      leadMs: periodMs / 10,
      spreadMs: periodMs / 5,
      graceMs: Math.round(periodMs * 0.4),
      reserveMs: periodMs / 10,
      minAnswerMs: 400,
      maxViewings: 40,
      maxViewingsPerViewer: this.random.pick([1, 1, 2]),
      whenAtLimit: this.random.pick(['newest-wins', 'oldest-wins']),
      ticketLifetimeMs: 15_000,
    };
  }

  /** @throws Violation */
  async run(): Promise<SimResult> {
    try {
      const clerk = new SimProcess(this.time, 'clerk', 1_000_000);
      appendNow(this.#disk.file, clerk, () =>
        this.#programs.map((program) => ({ kind: 'program-added', program, title: program, tariff: TARIFF, streamKeyHash: '' })),
      );
      this.#startServer();
      if (this.#form === 'facility') for (const edge of ['e1', 'e2']) this.#startEdge(edge);
      this.#script();
      await this.#pass(this.#forMs);
      await this.#close();
      const billedMs = this.#check();
      this.oracle.throwIfBroken();
      return { counts: this.oracle.counts, billedMs, trace: this.#hash.toString(16) };
    } finally {
      this.#server?.reader.close();
      this.#disk.remove();
    }
  }

  // What viewers do.

  async watch(viewer: SimViewer, channel: SimChannel): Promise<ViewingSession | undefined> {
    const server = this.#server;
    if (server === undefined || this.#isClosing) return undefined;
    const { process, authority } = server;
    channel.sent = (message) => {
      if (!process.isAlive) return;
      this.#note(message.type);
      if (message.type === 'viewing') {
        channel.viewing = message.viewing;
        this.oracle.admitted(message.viewing, viewer.name, viewer.program, viewer.token.id, process);
      }
      this.#sent(message, channel);
    };
    const statement = { program: viewer.program, tariff: TARIFF, tokenHash: '', challenge: '', agree: {} as never };
    const cap = this.#seams.cap(viewer.token.cap);
    const token = { viewer: viewer.name, programs: this.#programs, id: viewer.token.id, ...(cap === undefined ? {} : { cap }) };
    const watch = { statement, signJwk: {} as never, signKey: asKey(viewer.device), agreeKey: asKey('agree') };
    return authority
      .watch({ token, tokenText: '', watch, jws: 'a statement', challenge: '', channel })
      .then((session) => this.#withSeam(session))
      .catch(() => undefined);
  }

  resume(viewing: string, jws: string, channel: SimChannel): Promise<unknown> {
    const server = this.#server;
    if (server === undefined) return Promise.reject(new Error('no server'));
    channel.sent = (message) => {
      if (server.process.isAlive) this.#sent(message, channel);
    };
    return server.authority.resume(viewing, jws, '', channel);
  }

  /** Something reaches a viewing at the server, a little later, if both are still there. */
  asks(session: ViewingSession, ask: () => void): void {
    const server = this.#server;
    this.time.after(this.random.between(1, 40), () => {
      if (server?.process.isAlive && server.authority.viewing(session.id) === session) ask();
    });
  }

  newTicket(session: ViewingSession): void {
    this.#server?.authority.newTicket(session);
  }

  /** A media socket at the edge that the ticket's address names. */
  async join(program: string, ticket: string, url: string, socket: SimMediaSocket): Promise<boolean> {
    const name = /^sim:\/\/(\w+)/.exec(url)?.[1] ?? 'local';
    const host = this.#edges.get(name);
    socket.edge = host?.process.boot ?? '';
    if (host === undefined || !host.process.isAlive || !(await host.edge.knows(program, ticket))) return false;
    const detach = host.process.isAlive && socket.isOpen ? host.edge.attach(program, ticket, socket) : undefined;
    if (detach !== undefined) socket.attached(detach);
    return detach !== undefined;
  }

  sentMedia(socket: SimMediaSocket, message: Buffer): void {
    for (const { epoch, counter, flags } of chunksIn(message)) {
      this.oracle.chunkSent(socket.viewing, epoch, socket.edge);
      if (!this.#seams.arrives(this.#slowSockets > 0)) continue;
      const before = this.#contiguous.get(socket);
      // After the preamble come the chunks since the last keyframe, or those that were not sealed again for others.
      const mayLeap = before === undefined || before.epoch !== epoch || (before.flags & Flag.preamble) !== 0;
      if (this.#form === 'relay' && socket.isHealthy && !mayLeap && counter > before.counter + 1)
        this.oracle.fail(10, `${socket.viewing} kept up, and was not sent chunk ${before.counter + 1} of epoch ${epoch}`);
      this.#contiguous.set(socket, { epoch, counter, flags });
    }
    this.#note(`media ${message.length}`);
  }

  /** A media socket of somebody is full, or not any more. */
  slow(by: 1 | -1): void {
    this.#slowSockets += by;
  }

  told(viewing: string, ms: number, reason: string): void {
    if (!this.#told.has(viewing)) this.#told.set(viewing, { ms, reason });
  }

  otherViewing(than: string): string {
    return [...this.oracle.viewings.keys()].find((viewing) => viewing !== than) ?? than;
  }

  #sent(message: ServerMessage, { viewing }: SimChannel): void {
    if (message.type === 'key') this.oracle.keySent(openUpdate(message.jwe).viewing, message.epoch, viewing);
    if (message.type === 'ticket') this.oracle.ticketSent(viewing, message.url);
  }

  #withSeam(session: ViewingSession): ViewingSession {
    const dispatch = session.dispatch.bind(session);
    session.dispatch = (event) => this.#seams.dispatch(session, event, dispatch);
    return session;
  }

  // What happens to the system.

  #startServer(): void {
    const { time, random, oracle } = this;
    // The wall clock may have been set meanwhile.
    const process = new SimProcess(time, `boot ${this.#runs++}`, 1_000_000 + random.between(-100_000, 100_000));
    const clock = process;
    recover({ file: this.#disk.file, clock, version: 'sim' });
    const bus = this.#form === 'relay' ? localBus() : this.#bus.endOf(process);
    const ledger = new SimLedger(this.#disk, process, time, random, {
      written: (entry) => this.#seams.written(entry, random),
      isEager: (entry) => this.#seams.isEager(entry),
      durable: (entry, monoMs) => oracle.durable(entry, monoMs, process),
    });
    const opened = openReader(this.#disk.file);
    const reader: LedgerReader = { ...opened, lastEpoch: (program) => this.#seams.lastEpoch(opened.lastEpoch(program)) };
    if (this.#form === 'relay') {
      const edge = this.#makeEdge('local', process, bus);
      this.#edges.set('local', { process, edge });
    }
    const exchange = this.#seams.exchange(simKeyExchange((viewing, epoch) => oracle.received(viewing, epoch)));
    const authority = new Authority({
      clock,
      timers: process,
      log,
      bus,
      ledger,
      reader,
      rules: this.#rules,
      exchange,
      random: random.next,
    });
    this.#server = { process, bus, authority, reader: opened, ledger };
    if (this.#form === 'relay') this.#edges.get('local')?.edge.announce('');
    const beat = () => {
      if (ledger.state.fault === undefined) void ledger.append({ kind: 'life' });
      process.after(1_000, beat);
    };
    beat();
    for (const program of this.#programs) process.after(random.between(0, 4_000), () => this.#broadcast(program));
  }

  #startEdge(name: string): void {
    const process = new SimProcess(this.time, `${name} ${this.#runs++}`, 0);
    const edge = this.#makeEdge(name, process, this.#bus.endOf(process));
    this.#edges.set(name, { process, edge });
    edge.announce(`sim://${name}`);
  }

  #makeEdge(name: string, process: SimProcess, bus: Bus): Edge {
    const limits = {
      maxBatchMs: 0,
      maxSocketBytes: 1_000_000,
      tooSlowMs: 5_000,
      servedReportMs: 2_000,
      joinCache: CACHE_LIMITS,
    };
    return new Edge({ edge: name, clock: process, timers: process, limits, bus: this.#seams.edgeBus(bus), ticketWaitMs: 1_000 });
  }

  #broadcast(program: string): void {
    const server = this.#server;
    if (
      this.#isClosing ||
      server === undefined ||
      this.#broadcasts.get(program)?.isOver === false ||
      server.authority.broadcasts.has(program)
    )
      return;
    if (server.authority.isClosing) return;
    const { process, authority, bus } = server;
    const { random, oracle } = this;
    this.#broadcasts.set(program, new SimBroadcast(program, `run ${this.#runs++}`, { process, authority, bus, random, oracle }));
  }

  /** Kills the authority's process; what it had not committed is lost. */
  #kill(): void {
    const server = this.#server;
    if (server === undefined) return;
    server.process.kill();
    this.oracle.killed(server.process);
    server.reader.close();
    this.#server = undefined;
    for (const program of this.#programs) this.oracle.ended(program);
    this.#broadcasts.clear();
    for (const viewer of this.#viewers) viewer.lostServer();
    this.#checkRecords();
    this.time.after(this.random.between(200, 8_000), () => {
      this.#startServer();
      if (this.#isClosing || !this.random.chance(0.3)) return;
      // And once more, before anything could happen.
      const before = this.#statements();
      recover({ file: this.#disk.file, clock: new SimProcess(this.time, `boot ${this.#runs++}`, 0), version: 'sim' });
      const after = this.#statements();
      if (before !== after) this.oracle.fail(6, `restarting twice bills otherwise than once:\n${before}\n${after}`);
      this.#kill();
    });
  }

  #killEdge(name: string): void {
    const host = this.#edges.get(name);
    if (!host?.process.isAlive) return;
    host.process.kill();
    for (const { id, link } of this.#server?.authority.sessions() ?? [])
      if (link.edge === name) this.oracle.gaveAway(id, 'edge-died');
    for (const socket of this.#contiguous.keys()) if (socket.isOpen) socket.isHealthy = false;
    this.time.after(this.random.between(500, 10_000), () => this.#startEdge(name));
  }

  #script(): void {
    const { random, time } = this;
    const arrivals = random.between(3, 10);
    for (let at = 0; at < arrivals; at++) {
      const cap = random.chance(0.15) ? { cap: `0.${random.between(4, 30).toString().padStart(2, '0')}` } : {};
      const token = { id: `token ${at}`, ...cap };
      const viewer = new SimViewer(this, `viewer ${at}`, random.pick(this.#programs), token, random.pick(CHARACTERS));
      this.#viewers.push(viewer);
      time.after(random.between(0, this.#forMs / 2), () => void viewer.watch());
    }
    this.#sometimes(9_000, () => {
      const broadcast = this.#broadcasts.get(random.pick(this.#programs));
      broadcast?.away();
      if (broadcast !== undefined && random.chance(0.8)) time.after(random.between(100, 3_800), () => broadcast.back());
    });
    this.#sometimes(25_000, () => this.#broadcasts.get(random.pick(this.#programs))?.end());
    this.#sometimes(4_000, () => {
      for (const program of this.#programs) this.#broadcast(program);
    });
    this.#sometimes(15_000, () => {
      const sessions = [...(this.#server?.authority.sessions() ?? [])].filter(({ isOver }) => !isOver);
      if (sessions.length === 0) return;
      const session = random.pick(sessions);
      this.oracle.closed(session.id);
      session.dispatch({ type: 'end', reason: 'revoked' });
    });
    this.#sometimes(25_000, () => {
      this.#disk.refusesUntilMs = time.nowMs + random.between(200, 6_000);
    });
    if (random.chance(0.6)) this.#sometimes(30_000, () => this.#kill());
    if (this.#form === 'relay') return;
    this.#sometimes(25_000, () => this.#killEdge(random.pick(['e1', 'e2'])));
    this.#sometimes(30_000, () => {
      for (const { id } of this.#server?.authority.sessions() ?? []) this.oracle.gaveAway(id, 'outage');
      const forMs = random.between(200, 6_000);
      time.after(forMs, () => this.oracle.outageEnded());
      this.#bus.outage(forMs);
    });
  }

  /** Again and again, about so often. */
  #sometimes(everyMs: number, run: () => void): void {
    const next = () => {
      this.time.after(this.random.between(everyMs / 4, everyMs * 2), () => {
        if (this.#isClosing) return;
        run();
        next();
      });
    };
    next();
  }

  // What must hold.

  /** Lets time pass, and looks after every step whether something is broken. */
  async #pass(untilMs: number): Promise<void> {
    while (this.time.step(untilMs)) {
      await setImmediate();
      this.oracle.throwIfBroken();
    }
  }

  async #close(): Promise<void> {
    this.#isClosing = true;
    while (this.#server === undefined) await this.#pass(this.time.nowMs + 1_000);
    const server = this.#server;
    const untilMs = this.time.nowMs + CLOSE_MS;
    for (const { id } of server.authority.sessions()) this.oracle.closed(id);
    this.#disk.refusesUntilMs = 0;
    for (const broadcast of this.#broadcasts.values()) broadcast.end();
    for (const program of this.#programs) this.oracle.ended(program);
    void server.authority.close();
    await this.#pass(untilMs);
    await server.ledger.close();
    if (server.authority.viewings > 0)
      this.oracle.fail(8, `${server.authority.viewings} viewings are left of a server that was closed`);
    const left = [...this.#edges.values()]
      .filter(({ process }) => process.isAlive)
      .reduce((sum, { edge }) => sum + edge.viewings, 0);
    if (left > 0) this.oracle.fail(8, `${left} viewings are left at the edges of a server that was closed`);
  }

  #check(): number {
    recover({ file: this.#disk.file, clock: new SimProcess(this.time, `boot ${this.#runs++}`, 0), version: 'sim' });
    const whole = verifyLedger(this.#disk.file);
    if (!whole.ok) this.oracle.fail(7, `the ledger is not whole: ${whole.what}`);
    if (this.#searchesDisk) this.oracle.checkDisk(this.#disk.file);
    return this.#checkRecords();
  }

  #checkRecords(): number {
    const reader = openReader(this.#disk.file);
    const spentMinor = new Map<string, bigint>();
    let totalMs = 0;
    try {
      for (const record of reader.viewings()) {
        const billedMs = this.#seams.billed(billableMs(record));
        totalMs += billedMs;
        const viewer = this.#viewers.find(({ name }) => name === record.viewer);
        if (viewer?.token.cap !== undefined) this.oracle.gaveAway(record.viewing, 'capped');
        this.oracle.checkRecord(record, billedMs);
        const told = this.#told.get(record.viewing);
        if (told !== undefined && record.endedMs !== undefined) this.oracle.checkTold(record.viewing, told.ms, billedMs);
        const costMinor = runningCharge(billedMs, record.tariff).amountMinor;
        spentMinor.set(record.token, (spentMinor.get(record.token) ?? 0n) + costMinor);
      }
    } finally {
      reader.close();
    }
    for (const { token } of this.#viewers) {
      const spent = spentMinor.get(token.id) ?? 0n;
      if (token.cap !== undefined && spent > BigInt(Math.round(Number(token.cap) * 100)))
        this.oracle.fail(5, `${token.id} is capped at ${token.cap}, and owes ${spent} cents`);
    }
    return totalMs;
  }

  #statements(): string {
    const reader = openReader(this.#disk.file);
    try {
      return [...reader.viewings()].map((record) => `${record.viewing} ${record.endedBy} ${billableMs(record)}`).join('\n');
    } finally {
      reader.close();
    }
  }

  #note(what: string): void {
    const text = `${Math.round(this.time.nowMs)} ${what}`;
    for (let at = 0; at < text.length; at++) this.#hash = (Math.imul(this.#hash, 31) + text.charCodeAt(at)) >>> 0;
  }
}

export const simulate = (options: SimOptions): Promise<SimResult> => new SimWorld(options).run();
