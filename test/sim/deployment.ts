import type { Logger } from 'pino';
import { Authority, type AuthorityRules } from '../../src/authority/authority.ts';
import { localKeySource } from '../../src/authority/local-key-source.ts';
import { RemoteEncryptor } from '../../src/authority/remote-encryptor.ts';
import { RemoteEncryptors } from '../../src/authority/remote-encryptors.ts';
import type { Tariff } from '../../src/billing/tariff.ts';
import type { Bus, GateChange } from '../../src/bus/bus.ts';
import { localBus } from '../../src/bus/local-bus.ts';
import { Edge } from '../../src/edge/edge.ts';
import type { KeySource } from '../../src/encryptor/key-source.ts';
import { RemoteKeySource } from '../../src/encryptor/remote-key-source.ts';
import { streamKeyHash } from '../../src/keys/stream-key.ts';
import { appendNow } from '../../src/ledger/chain-writer.ts';
import type { Entered, Entry } from '../../src/ledger/entry.ts';
import type { LedgerReader } from '../../src/ledger/ledger.ts';
import { openReader } from '../../src/ledger/reader.ts';
import { recover } from '../../src/ledger/recovery.ts';
import { CACHE_LIMITS } from '../../src/media/keyframe-cache.ts';
import { SimBus } from './bus.ts';
import { SimDisk, SimLedger } from './disk.ts';
import { simKeyExchange } from './exchange.ts';
import { type LineEnd, SimLine, simEncryptorExchange } from './line.ts';
import type { Oracle } from './oracle.ts';
import type { Random } from './random.ts';
import type { Seams } from './seams.ts';
import { streamKeyOf } from './source.ts';
import { SimStudio } from './studio.ts';
import { SimProcess, type SimTime } from './time.ts';

export const TARIFF: Tariff = { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 1 };
export const PROGRAMS = ['news', 'sport'] as const;
/** How long an authority waits for an encryptor elsewhere. */
const ENCRYPTOR_GRACE_MS = 8_000;

/** The authority's process, in a relay or a facility with its encryptor, in a relay with its edge. */
export interface Server {
  readonly process: SimProcess;
  readonly authority: Authority;
  readonly encryptors?: RemoteEncryptors;
  readonly reader: LedgerReader;
  readonly ledger: SimLedger;
}

interface EdgeHost {
  readonly process: SimProcess;
  readonly edge: Edge;
}

/** An encryptor elsewhere. */
interface RemoteStudio {
  readonly studio: SimStudio;
  readonly keys: RemoteKeySource;
  line: SimLine | undefined;
}

export type Form = 'relay' | 'facility' | 'split';

export interface DeploymentPorts {
  readonly time: SimTime;
  readonly random: Random;
  readonly oracle: Oracle;
  readonly seams: Seams;
  readonly form: Form;
  readonly latencyMs: number;
  /** How many entries may wait for the disk: see Ledger. */
  readonly maxWaiting: number;
  readonly log: Logger;
}

/** The processes of one deployment (DESIGN.md, section 3), and what is between them. */
export class Deployment {
  readonly form: Form;
  readonly rules: AuthorityRules;
  readonly disk: SimDisk;
  readonly bus: SimBus;
  readonly edges = new Map<string, EdgeHost>();
  readonly remotes = new Map<string, RemoteStudio>();
  readonly #ports: DeploymentPorts;
  readonly #clerk: SimProcess;
  readonly #revoked = new Set<string>();
  #lineOutUntilMs = 0;
  #isClosed = false;
  #local: SimStudio | undefined;
  server: Server | undefined;
  #runs = 0;

  constructor(ports: DeploymentPorts) {
    const { time, random, form, latencyMs } = ports;
    this.#ports = ports;
    this.form = form;
    this.disk = new SimDisk((sql) => ports.seams.view(sql));
    this.bus = new SimBus(time, random, latencyMs, (what) => ports.oracle.count(what));
    this.#clerk = new SimProcess(time, 'clerk', 1_000_000);
    const periodMs = random.pick([2_000, 3_000, 5_000]);
    this.rules = {
      periodMs,
      leadMs: periodMs / 10,
      spreadMs: periodMs / 5,
      graceMs: Math.round(periodMs * 0.4),
      reserveMs: periodMs / 10,
      minAnswerMs: 400,
      maxViewings: 40,
      maxViewingsPerViewer: random.pick([1, 1, 2]),
      whenAtLimit: random.pick(['newest-wins', 'oldest-wins']),
      ticketLifetimeMs: 15_000,
    };
  }

  start(): void {
    this.#operator(
      PROGRAMS.map((program) => {
        const hash = streamKeyHash(streamKeyOf(program));
        return { kind: 'program-added', program, title: program, tariff: TARIFF, streamKeyHash: hash };
      }),
    );
    this.startServer();
    if (this.form !== 'relay') for (const edge of ['e1', 'e2']) this.startEdge(edge);
    if (this.form === 'split') for (const studio of ['main', 'spare']) this.#startStudio(studio);
  }

  /** Where a program can be published. */
  studios(): readonly SimStudio[] {
    const all = this.#local === undefined ? [...this.remotes.values()].map(({ studio }) => studio) : [this.#local];
    return all.filter(({ process }) => process.isAlive);
  }

  startServer(): void {
    const { time, random, oracle, seams, log } = this.#ports;
    // The wall clock may have been set meanwhile.
    const process = new SimProcess(time, `boot ${this.#runs++}`, 1_000_000 + random.between(-100_000, 100_000), seams.driftMs);
    if (this.#runs > 1) oracle.count('faults: wall clock set');
    const clock = process;
    recover({ file: this.disk.file, clock, version: 'sim' });
    const bus = this.form === 'relay' ? localBus() : this.bus.endOf(process);
    const ledger = new SimLedger(
      this.disk,
      process,
      time,
      random,
      {
        written: (entry) => seams.written(entry, random),
        isEager: (entry) => seams.isEager(entry),
        stampMs: (entry, monoMs) => seams.stampMs(entry, monoMs),
        durable: (entry, monoMs) => oracle.durable(entry, monoMs, process),
        refused: () => oracle.diskRefused(),
        overfull: (entry) => oracle.entryLost(entry, process),
      },
      this.#ports.maxWaiting,
    );
    const opened = openReader(this.disk.file);
    const reader: LedgerReader = { ...opened, lastEpoch: (program) => seams.lastEpoch(opened.lastEpoch(program)) };
    if (this.form === 'relay') this.edges.set('local', { process, edge: this.#makeEdge('local', process, bus) });
    const exchange = seams.exchange(
      simKeyExchange((viewing, epoch) => oracle.received(viewing, epoch)),
      log,
    );
    const ports = { clock, timers: process, log, ledger, reader };
    const watched = { ...bus, gates: { ...bus.gates, publish: this.#watchedGates(bus) } };
    const authority = new Authority({ ...ports, bus: watched, rules: this.rules, exchange, random: random.next });
    const elsewhere = { ...ports, authority, graceMs: ENCRYPTOR_GRACE_MS, exchange: simEncryptorExchange };
    const encryptors = this.form === 'split' ? { encryptors: new RemoteEncryptors(elsewhere) } : {};
    this.server = { process, authority, reader: opened, ledger, ...encryptors };
    if (this.form !== 'split') this.#local = this.#studio('here', process, bus, localKeySource(authority));
    if (this.form === 'relay') this.edges.get('local')?.edge.announce('');
    const beat = () => {
      if (ledger.state.fault === undefined) ledger.append({ kind: 'life' }).catch(() => undefined);
      process.after(1_000, beat);
    };
    beat();
  }

  /** What it had not committed is lost. */
  killServer(): void {
    const { server } = this;
    const { oracle } = this.#ports;
    if (server === undefined) return;
    server.process.kill();
    oracle.killed(server.process);
    oracle.interrupted();
    server.reader.close();
    this.server = undefined;
    this.#local = undefined;
    for (const { line } of this.remotes.values()) line?.died('there');
  }

  startEdge(name: string): void {
    const process = this.#process(name);
    const edge = this.#makeEdge(name, process, this.bus.endOf(process));
    this.edges.set(name, { process, edge });
    edge.announce(`sim://${name}`);
  }

  /** @returns whether there was one */
  killEdge(name: string): boolean {
    const host = this.edges.get(name);
    if (!host?.process.isAlive) return false;
    host.process.kill();
    this.#ports.oracle.count('faults: edges killed');
    this.#ports.oracle.interrupted();
    for (const { id, link } of this.server?.authority.sessions() ?? [])
      if (link.edge === name) this.#ports.oracle.gaveAway(id, 'edge-died');
    this.#ports.time.after(this.#ports.random.between(500, 10_000), () => this.startEdge(name));
    return true;
  }

  killStudio(name: string): void {
    const { time, random, oracle } = this.#ports;
    const remote = this.remotes.get(name);
    if (!remote?.studio.process.isAlive) return;
    remote.studio.process.kill();
    remote.line?.died('here');
    oracle.count('faults: encryptors killed');
    oracle.interrupted();
    time.after(random.between(500, 10_000), () => this.#startStudio(name));
  }

  /** Cuts the line of an encryptor, or of all of them for a while. */
  cutLine(name: string): void {
    this.#ports.oracle.count('faults: encryptors cut off');
    this.#ports.oracle.interrupted();
    this.remotes.get(name)?.line?.cut();
  }

  cutLines(forMs: number): void {
    this.#lineOutUntilMs = this.#ports.time.nowMs + forMs;
    for (const name of this.remotes.keys()) this.cutLine(name);
  }

  /** For a while a credential is good for nothing. */
  revoke(name: string, forMs: number): void {
    const remote = this.remotes.get(name);
    const { oracle, time, random } = this.#ports;
    if (remote === undefined || this.server === undefined) return;
    oracle.count('faults: credentials revoked');
    oracle.interrupted();
    this.#revoked.add(name);
    // One that is not told goes on for a while.
    if (random.chance(0.5)) remote.line?.cut();
    const { process } = remote.studio;
    const held = [...this.server.authority.broadcasts.values()].filter(
      ({ encryptor }) => encryptor instanceof RemoteEncryptor && encryptor.process === process.boot,
    );
    this.#operator([{ kind: 'encryptor-revoked', encryptor: name }]);
    oracle.epochs.revoked(
      process,
      held.map(({ program }) => program),
    );
    time.after(forMs, () => {
      // Its process was cut off for good: another one comes with the credential that is made then.
      this.killStudio(name);
      this.#revoked.delete(name);
    });
  }

  /** Everybody goes home, in the order in which the roles are closed. */
  close(): void {
    this.#isClosed = true;
    for (const studio of this.studios()) studio.broadcasts.close();
    for (const { keys } of this.remotes.values()) void keys.close();
    void this.server?.authority.close();
    this.server?.process.after(3_000, () => this.server?.encryptors?.close());
  }

  /** Another process on the same ledger, as the command line is one: the server hears of it. */
  #operator(entries: readonly Entry[]): void {
    const entered: readonly Entered[] = appendNow(this.disk.file, this.#clerk, () => [...entries]);
    for (const each of entered) this.server?.ledger.foreign(each);
  }

  #startStudio(name: string): void {
    if (this.#isClosed) return;
    const { time, random, oracle, latencyMs, log } = this.#ports;
    const process = this.#process(name);
    const ports = {
      time,
      random,
      maxLatencyMs: latencyMs,
      process,
      encryptor: name,
      programs: PROGRAMS,
      authority: () => this.#lineEnd(),
      isOut: () => time.nowMs < this.#lineOutUntilMs,
      isRevoked: () => this.#revoked.has(name),
      // A picture that was gone with the line before comes back now only.
      opened: () => oracle.interrupted(),
      count: (what: string) => oracle.count(what),
      failed: (error: unknown) => oracle.fail(8, `an encryptor's message could not be handled: ${error}`),
    };
    const remote: { line: SimLine | undefined } = { line: undefined };
    const keys = new RemoteKeySource(
      { url: 'wss://authority', encryptor: name, clock: process, timers: process, log, random: random.next },
      (listener) => {
        remote.line = new SimLine(ports, listener);
        return remote.line;
      },
    );
    const studio = this.#studio(name, process, this.bus.endOf(process), keys);
    this.remotes.set(name, Object.assign(remote, { studio, keys }));
  }

  /** One that is being closed listens no more. */
  #lineEnd(): LineEnd | undefined {
    const { process, encryptors } = this.server ?? {};
    return process === undefined || encryptors === undefined || this.#isClosed ? undefined : { process, encryptors };
  }

  #studio(name: string, process: SimProcess, bus: Bus, keys: KeySource): SimStudio {
    const { seams, oracle, log } = this.#ports;
    return new SimStudio({ name, process, bus, keys: seams.keySource(keys), oracle, log });
  }

  #process(name: string): SimProcess {
    return new SimProcess(this.#ports.time, `${name} ${this.#runs++}`, 0);
  }

  #watchedGates(bus: Bus): (edge: string, change: GateChange) => void {
    return (edge, change) => {
      if (change.kind === 'ticket') this.#ports.oracle.sentTo(change.viewing, edge);
      if (change.kind === 'open' && change.catchUp) this.#ports.oracle.catchUp(change.viewing, this.rules.periodMs);
      bus.gates.publish(edge, change);
    };
  }

  #makeEdge(name: string, process: SimProcess, bus: Bus): Edge {
    const limits = {
      maxBatchMs: 0,
      maxSocketBytes: 1_000_000,
      tooSlowMs: 5_000,
      servedReportMs: 2_000,
      joinCache: CACHE_LIMITS,
    };
    return new Edge({
      edge: name,
      clock: process,
      timers: process,
      limits,
      bus: this.#ports.seams.edgeBus(bus),
      ticketWaitMs: 1_000,
    });
  }
}
