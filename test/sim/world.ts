import { setImmediate } from 'node:timers/promises';
import { pino } from 'pino';
import type { ViewingSession } from '../../src/authority/viewing-session.ts';
import { recover } from '../../src/ledger/recovery.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { Flag } from '../../src/media/chunk.ts';
import type { ServerMessage } from '../../src/protocol/messages.ts';
import { chunksIn } from '../e2e/wire-chunk.ts';
import { auditRecords, statementsOf } from './audit.ts';
import { Deployment, type Form, PROGRAMS, TARIFF } from './deployment.ts';
import { asKey, openUpdate } from './exchange.ts';
import { checkGrowth } from './growth.ts';
import { Oracle, type Told } from './oracle.ts';
import { unpatch } from './patches.ts';
import { Random } from './random.ts';
import { Script } from './script.ts';
import { type Fault, NO_FAULT, type Seams } from './seams.ts';
import { SimProcess, SimTime } from './time.ts';
import type { SimChannel, SimMediaSocket, SimViewer } from './viewer.ts';

/** The bus may be out for 6 s of it; 10 s after that, and a second more, edges let go of a program that nobody watches. */
const CLOSE_MS = 20_000;
/** One run in so many is looked through for whatever could grow, which takes as long as a run. */
const GROWTH_EVERY = 10;
const GROWTH_MS = 25_000;

/** One run in so many has a ledger that takes no more than this while its disk refuses: a second or two of it. */
const OVERFULL_EVERY = 7;
const OVERFULL_AT = 4;

export interface SimOptions {
  readonly seed: number;
  /** Simulated. */
  readonly forMs: number;
  /** Broken on purpose. */
  readonly fault?: Fault | undefined;
}

/** What became of a run. */
export interface SimResult {
  readonly counts: Readonly<Record<string, number>>;
  readonly simulatedMs: number;
  readonly billedMs: number;
  /** Of all that happened, in its order: equal for equal seeds. */
  readonly trace: string;
}

/** One deployment and everybody who has to do with it, as a seed has it. */
export class SimWorld {
  readonly time = new SimTime();
  readonly random: Random;
  readonly oracle: Oracle;
  readonly deployment: Deployment;
  readonly viewers: SimViewer[] = [];
  readonly #seams: Seams;
  readonly #script: Script;
  readonly #forMs: number;
  /** It takes a quarter of a run's time. */
  readonly #searchesDisk: boolean;
  readonly #looksForGrowth: boolean;
  readonly #told = new Map<string, Told>();
  readonly #contiguous = new Map<SimMediaSocket, { epoch: number; counter: number; flags: number }>();
  readonly #log: string[] = [];
  #slowSockets = 0;
  #runs = 0;
  readonly #fanOutsLeft: string[] = [];
  isClosing = false;
  #hash = 0;

  constructor({ seed, forMs, fault }: SimOptions) {
    const random = new Random(seed);
    this.random = random;
    this.#seams = { ...NO_FAULT, ...fault?.make() };
    this.#forMs = forMs;
    this.#searchesDisk = seed % 5 === 0;
    this.#looksForGrowth = seed % GROWTH_EVERY === 0;
    const form = random.pick<Form>(['relay', 'facility', 'split']);
    const latencyMs = random.between(2, 80);
    this.oracle = new Oracle(this.time, form === 'relay' ? 2 : (form === 'split' ? 3 : 2) * latencyMs);
    this.oracle.count(`seeds: ${form}`);
    const log = pino({ level: this.#searchesDisk ? 'trace' : 'silent' }, { write: (line) => this.#log.push(line) });
    const maxWaiting = seed % OVERFULL_EVERY === OVERFULL_EVERY - 1 ? OVERFULL_AT : Number.POSITIVE_INFINITY;
    const ports = { time: this.time, random, oracle: this.oracle, seams: this.#seams, form, latencyMs, maxWaiting, log };
    this.deployment = new Deployment(ports);
    this.#script = new Script(this);
  }

  /** @throws Violation */
  async run(): Promise<SimResult> {
    const { deployment, oracle } = this;
    try {
      deployment.start();
      this.#script.begin(this.#forMs);
      if (this.#looksForGrowth) this.#lookForGrowth();
      await this.#pass(this.#forMs);
      await this.#close();
      const billedMs = this.#check();
      oracle.throwIfBroken();
      return { counts: oracle.counts, simulatedMs: this.#forMs, billedMs, trace: this.#hash.toString(16) };
    } finally {
      deployment.server?.reader.close();
      deployment.disk.remove();
      unpatch();
    }
  }

  // What viewers do.

  async watch(viewer: SimViewer, channel: SimChannel): Promise<ViewingSession | undefined> {
    const { server, rules } = this.deployment;
    if (server === undefined || this.isClosing) return undefined;
    const { process, authority } = server;
    channel.sent = (message) => {
      if (!process.isAlive) return;
      this.#note(message.type);
      if (message.type === 'viewing') {
        channel.viewing = message.viewing;
        this.oracle.admitted(message.viewing, { viewer: viewer.name, program: viewer.program, device: viewer.device }, process);
      }
      this.#sent(message, channel);
    };
    const statement = { program: viewer.program, tariff: TARIFF, tokenHash: '', challenge: '', agree: {} as never };
    const cap = this.#seams.cap(viewer.token.cap);
    const token = { viewer: viewer.name, programs: PROGRAMS, id: viewer.token.id, ...(cap === undefined ? {} : { cap }) };
    const watch = { statement, signJwk: {} as never, signKey: asKey(viewer.device), agreeKey: asKey('agree') };
    return authority
      .watch({ token, tokenText: '', watch, jws: 'a statement', challenge: '', channel })
      .then((session) => {
        const own = [...authority.sessions()].filter(
          ({ terms, isOver }) => !isOver && terms.viewer === viewer.name && terms.program === viewer.program,
        );
        this.oracle.underWay(session.id, own.length, rules.maxViewingsPerViewer);
        return this.#withSeam(session);
      })
      .catch(() => undefined);
  }

  resume(viewing: string, jws: string, channel: SimChannel): Promise<unknown> {
    const { server } = this.deployment;
    if (server === undefined) return Promise.reject(new Error('no server'));
    channel.sent = (message) => {
      if (server.process.isAlive) this.#sent(message, channel);
    };
    return server.authority.resume(viewing, jws, '', channel);
  }

  /** Something reaches a viewing at the server, a little later, if both are still there. */
  asks(session: ViewingSession, ask: () => void): void {
    const { server } = this.deployment;
    this.time.after(this.random.between(1, 40), () => {
      if (server?.process.isAlive && server.authority.viewing(session.id) === session) ask();
    });
  }

  newTicket(session: ViewingSession): void {
    this.deployment.server?.authority.newTicket(session);
  }

  /** A media socket at the edge that the ticket's address names. */
  async join(program: string, ticket: string, url: string, socket: SimMediaSocket): Promise<boolean> {
    const name = /^sim:\/\/(\w+)/.exec(url)?.[1] ?? 'local';
    const host = this.deployment.edges.get(name);
    const fanOut = `${host?.process.boot} ${program}`;
    socket.fanOut = `${fanOut} ${this.#fanOutsLeft.filter((left) => left.startsWith(fanOut)).length}`;
    if (host === undefined || !host.process.isAlive || !(await host.edge.knows(program, ticket))) return false;
    const detach = host.process.isAlive && socket.isOpen ? host.edge.attach(program, ticket, socket) : undefined;
    if (detach !== undefined) socket.attached(detach);
    return detach !== undefined;
  }

  fanOutLeft(fanOut: string): void {
    if (!this.#fanOutsLeft.includes(fanOut)) this.#fanOutsLeft.push(fanOut);
  }

  sentMedia(socket: SimMediaSocket, message: Buffer): void {
    for (const chunk of chunksIn(message)) {
      const { epoch, counter, flags } = chunk;
      this.oracle.chunkSent(socket.viewing, chunk, socket.fanOut);
      if (!this.#seams.arrives(this.#slowSockets > 0)) continue;
      const before = this.#contiguous.get(socket);
      // After the preamble come the chunks since the last keyframe, or those that were not sealed again for others.
      const mayLeap = before === undefined || before.epoch !== epoch || (before.flags & Flag.preamble) !== 0;
      if (this.deployment.form === 'relay' && socket.isHealthy && !mayLeap && counter > before.counter + 1)
        this.oracle.fail(10, `${socket.viewing} kept up, and was not sent chunk ${before.counter + 1} of epoch ${epoch}`);
      this.#contiguous.set(socket, { epoch, counter, flags });
    }
    this.#note(`media ${message.length}`);
  }

  /** A media socket is closed for good. */
  left(socket: SimMediaSocket): void {
    this.#contiguous.delete(socket);
  }

  /** A media socket of somebody is full, or not any more. */
  slow(by: 1 | -1): void {
    this.#slowSockets += by;
    if (by > 0) this.oracle.count('faults: full media sockets');
  }

  told(viewing: string, told: Told): void {
    if (!told.final) this.oracle.toldUnrecorded(viewing);
    if (!this.#told.has(viewing)) this.#told.set(viewing, told);
  }

  otherViewing(than: string): string {
    return [...this.oracle.viewings.keys()].find((viewing) => viewing !== than) ?? than;
  }

  #sent(message: ServerMessage, { viewing, device }: SimChannel): void {
    if (message.type === 'key') this.oracle.keySent(openUpdate(message.jwe).viewing, message.epoch, viewing, device);
  }

  #withSeam(session: ViewingSession): ViewingSession {
    const dispatch = session.dispatch.bind(session);
    session.dispatch = (event) => this.#seams.dispatch(session, event, dispatch);
    return session;
  }

  // What happens to the system.

  kill(): void {
    const { deployment } = this;
    if (deployment.server === undefined) return;
    this.oracle.count('faults: authorities killed');
    deployment.killServer();
    for (const viewer of this.viewers) viewer.lostServer();
    this.#audit();
    this.time.after(this.random.between(200, 8_000), () => {
      deployment.startServer();
      this.#seams.restarted(deployment.disk.file, this.#process());
      if (this.isClosing || !this.random.chance(0.3)) return;
      // And once more, before anything could happen.
      const before = statementsOf(deployment.disk.file, this.#seams);
      recover({ file: deployment.disk.file, clock: this.#process(), version: 'sim' });
      this.#seams.restarted(deployment.disk.file, this.#process());
      const after = statementsOf(deployment.disk.file, this.#seams);
      if (before !== after) this.oracle.fail(6, `restarting twice bills otherwise than once:\n${before}\n${after}`);
      this.kill();
    });
  }

  killEdge(name: string): void {
    if (!this.deployment.killEdge(name)) return;
    for (const socket of this.#contiguous.keys()) if (socket.isOpen) socket.isHealthy = false;
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
    const { deployment, oracle } = this;
    this.isClosing = true;
    while (deployment.server === undefined) await this.#pass(this.time.nowMs + 1_000);
    const { server } = deployment;
    for (const { id } of server.authority.sessions()) oracle.closed(id);
    deployment.disk.refusesUntilMs = 0;
    deployment.close();
    await this.#pass(this.time.nowMs + CLOSE_MS);
    await server.ledger.close();
    const left = (count: number, what: string) => {
      if (count > 0) oracle.fail(8, `${count} ${what} are left of a server that was closed`);
    };
    if (this.#looksForGrowth) checkGrowth(deployment, oracle, true);
    left(server.authority.viewings, 'viewings');
    left(server.authority.broadcasts.size, 'broadcasts');
    left(server.encryptors?.connected ?? 0, 'encryptors');
    for (const { process, edge } of deployment.edges.values()) if (process.isAlive) left(edge.viewings, 'viewings at an edge');
  }

  #lookForGrowth(): void {
    this.time.after(GROWTH_MS, () => {
      checkGrowth(this.deployment, this.oracle, false);
      this.#lookForGrowth();
    });
  }

  #check(): number {
    const { file } = this.deployment.disk;
    recover({ file, clock: this.#process(), version: 'sim' });
    const whole = verifyLedger(file);
    if (!whole.ok) this.oracle.fail(7, `the ledger is not whole: ${whole.what}`);
    if (this.#searchesDisk) this.oracle.checkWritten(file, this.#log.join(''));
    return this.#audit();
  }

  #audit(): number {
    const { oracle, viewers, deployment } = this;
    return auditRecords({ file: deployment.disk.file, oracle, seams: this.#seams, viewers, told: this.#told });
  }

  #process(): SimProcess {
    return new SimProcess(this.time, `recovery ${this.#runs++}`, 0);
  }

  #note(what: string): void {
    const text = `${Math.round(this.time.nowMs)} ${what}`;
    for (let at = 0; at < text.length; at++) this.#hash = (Math.imul(this.#hash, 31) + text.charCodeAt(at)) >>> 0;
  }
}

export const simulate = (options: SimOptions): Promise<SimResult> => new SimWorld(options).run();
