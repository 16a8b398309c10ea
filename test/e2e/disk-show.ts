import type { ChildProcess } from 'node:child_process';
import { expect } from '@jest/globals';
import Database from 'better-sqlite3';
import { ledgerFile } from '../../src/ledger/database.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { FaultyDisk } from '../disk/faulty-disk.ts';
import { lightClip, publish } from './clip.ts';
import { RawViewer } from './raw-viewer.ts';
import {
  addProgram,
  type Charge,
  type Finished,
  finished,
  RelayProcess,
  Scratch,
  signedToken,
  startTollcast,
  startTollcastWith,
  tollcast,
  until,
} from './relay-process.ts';

const PERIOD_MS = 2_000;
/** On a busy machine viewers answer late. */
const KEYS = { periodMs: PERIOD_MS, minAnswerMs: PERIOD_MS - 1 };
const VIEWERS = ['ann', 'ben', 'cas'];
/** What waits for the disk: a receipt and an update for each viewing, served time, and what the broadcast does. */
const MOST_WAITING = 40;
/** Gaps in what is sent that are served time, at most. */
const GAP_MS = 1_000;
/** pino's. */
const ERROR = 50;

export interface Outage {
  /** In `/readyz` and in the log. */
  readonly says: RegExp;
  /** Whether the ledger can be read all the while. */
  readonly readable: boolean;
  /** @returns what ends it */
  begin(show: DiskShow): () => void;
}

/** A viewer, and from when to when chunks came to it, between one outage and the next. */
interface Spectator {
  readonly name: string;
  readonly raw: RawViewer;
  readonly spells: { readonly fromMs: number; toMs: number }[];
  /** Another spell begins with the next chunk. */
  isDark: boolean;
}

/** A broadcast on a disk that may fail, with three viewers at the protocol's level and one real one. */
export class DiskShow implements AsyncDisposable {
  readonly disk: FaultyDisk;
  readonly relay: RelayProcess;
  readonly #scratch: Scratch;
  readonly #broadcaster: ChildProcess;
  readonly #spectators: Spectator[] = [];
  #real: { readonly child: ChildProcess; readonly finished: Promise<Finished> } | undefined;

  private constructor(scratch: Scratch, disk: FaultyDisk, relay: RelayProcess, publishUrl: string) {
    this.#scratch = scratch;
    this.disk = disk;
    this.relay = relay;
    this.#broadcaster = publish(lightClip(), publishUrl);
  }

  static async start(): Promise<DiskShow> {
    const scratch = new Scratch();
    const data = scratch.file('data');
    const streamKey = await addProgram(data, 'news', '--price', '0.60');
    const disk = new FaultyDisk(data, scratch.folder);
    const relay = await RelayProcess.start(scratch, { keys: KEYS }, disk.env);
    const show = new DiskShow(scratch, disk, relay, `${relay.rtmpUrl}/news?key=${streamKey}`);
    try {
      await show.#gather();
      return show;
    } catch (error) {
      await show[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #gather(): Promise<void> {
    await until(() => this.relay.isLive(), 'the program is live');
    const token = await signedToken(this.relay.data, 'news', 'real');
    const child = startTollcast('view', this.relay.httpUrl, '--program', 'news', '--token', token, '--json');
    this.#real = { child, finished: finished(child) };
    await until(() => this.receiptsIn(this.relay.data).length > 0, 'the real viewer watches');
    for (const name of VIEWERS) await this.#watch(name);
    await until(() => this.#raws.every((raw) => raw.chunks.length > 10), 'chunks come');
  }

  /** An outage from beginning to end, through which everybody just stays. */
  async during(outage: Outage): Promise<void> {
    const logged = this.relay.log.length;
    const { epoch, end } = await this.begin(outage);
    end();
    await until(async () => (await this.#readiness()).status === 200, 'it is ready again');
    await until(
      () => this.#raws.every((raw) => (raw.last('confirmed')?.epoch ?? 0) > epoch && (raw.chunks.at(-1)?.epoch ?? 0) > epoch),
      'gates open for everybody',
    );
    expect(await this.#gauge('tollcast_ledger_faulty')).toBe(0);
    const lines = logLines(this.relay.log.slice(logged));
    expect(lines.filter(({ msg }) => msg.startsWith('ledger cannot write'))).toEqual([
      expect.objectContaining({ level: ERROR, reason: expect.stringMatching(outage.says) }),
    ]);
    expect(lines.filter(({ msg }) => msg.startsWith('ledger writes again'))).toHaveLength(1);
    // The other one: that there is no key to seal with.
    expect(lines.filter(({ level }) => level === ERROR).length).toBeLessThanOrEqual(2);
  }

  /**
   * Begins an outage in which a receipt of everybody's is under way, and looks at what it does for two epochs.
   * @returns the epoch of that receipt, and what ends the outage
   */
  async begin(outage: Outage): Promise<{ epoch: number; end: () => void }> {
    const newest = Math.max(...this.#raws.flatMap((raw) => [...raw.keys.keys()]));
    const epoch = newest + 1;
    for (const raw of this.#raws) raw.answers = (given) => given <= newest;
    await until(() => this.#raws.every((raw) => raw.keys.has(epoch)), 'everybody has the key of another epoch');
    const end = outage.begin(this);
    const beganMs = performance.now();
    await Promise.all(this.#raws.map((raw) => raw.confirm(epoch)));
    for (const raw of this.#raws) raw.answers = () => true;

    const { message } = await until(async () => {
      const readiness = await this.#readiness();
      return readiness.status === 503 && readiness;
    }, 'it is not ready');
    expect(message).toMatch(outage.says);
    expect((await fetch(`${this.relay.httpUrl}/healthz`)).status).toBe(200);
    expect(await this.#gauge('tollcast_ledger_faulty')).toBe(1);
    await this.#expectRefusesNewcomers();
    const beside = await finished(
      startTollcastWith(this.disk.env, 'bills', 'export', '--format', 'ndjson', '--data', this.relay.data),
    );
    if (outage.readable) expect(beside).toMatchObject({ code: 0, stdout: expect.stringContaining('"ann"') });
    else expect(beside).toMatchObject({ code: 1, stderr: expect.stringMatching(/^tollcast: .*\n$/) });

    await until(() => performance.now() - beganMs > 2 * PERIOD_MS, 'two epochs have passed');
    await until(async () => (await this.#gauge('tollcast_ledger_waiting_entries')) >= this.#raws.length, 'receipts wait');
    expect(await this.#gauge('tollcast_ledger_waiting_entries')).toBeLessThan(MOST_WAITING);
    if (outage.readable) expect(this.receiptsIn(this.relay.data)).toEqual(expect.arrayContaining(this.#received()));
    for (const raw of this.#raws) {
      expect(raw.chunks.at(-1)?.epoch).toBe(newest);
      expect(raw.last('confirmed')?.epoch).toBe(newest);
      expect(raw.last('ended')).toBeUndefined();
      expect(raw.closeCode).toBeUndefined();
    }
    return {
      epoch,
      end: () => {
        for (const spectator of this.#spectators) spectator.isDark = true;
        end();
      },
    };
  }

  /** Ends it in peace: nothing is missing, and nobody is billed what was not sent. */
  async settle(): Promise<void> {
    for (const raw of this.#raws) raw.say({ type: 'stop' });
    await until(() => this.#raws.every((raw) => raw.last('ended')?.reason === 'stopped'), 'everybody stopped');
    this.#real?.child.kill('SIGINT');
    expect(await this.#real?.finished).toMatchObject({ code: 0, stderr: '' });
    this.expectFair(await this.relay.charges(), 'stopped', 0.5);
    expect(await this.relay.stop()).toBe(0);
    for (const folder of [this.relay.data, this.disk.image]) {
      expect(verifyLedger(ledgerFile(folder))).toMatchObject({ ok: true });
      expect(this.receiptsIn(folder)).toEqual(expect.arrayContaining(this.confirmed()));
    }
    expect(await tollcast('ledger', 'verify', '--data', this.relay.data)).toMatchObject({ code: 0 });
  }

  /** The receipts that viewers were told are durable: viewing and epoch. */
  confirmed(): string[] {
    return this.#raws.flatMap((raw) =>
      raw.messages.flatMap((message) => (message.type === 'confirmed' ? [`${raw.viewing} ${message.epoch}`] : [])),
    );
  }

  receiptsIn(folder: string): string[] {
    return this.#entries(folder, 'receipt').map(({ viewing, epoch }) => `${viewing} ${epoch}`);
  }

  /** Some of what everybody was served is durable. */
  async servedIsDurable(): Promise<void> {
    const served = () =>
      this.#entries(this.relay.data, 'served').flatMap(({ spans }) => spans.map(([viewing]: [string]) => viewing));
    await until(() => this.#raws.every(({ viewing }) => served().includes(viewing)), 'served time is durable');
  }

  /** One viewing each, billed no more than the time in which chunks came, and at least that share of it. */
  expectFair(charges: readonly Charge[], endedBy: string, leastShare: number): void {
    for (const { name, spells } of this.#spectators) {
      const viewings = charges.filter(({ viewer }) => viewer === name).flatMap((charge) => charge.viewings);
      expect(viewings).toEqual([expect.objectContaining({ endedBy })]);
      const cameMs = spells.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
      expect(viewings[0]?.billableMs).toBeLessThanOrEqual(cameMs + GAP_MS);
      expect(viewings[0]?.billableMs).toBeGreaterThan(cameMs * leastShare);
    }
    expect(charges.filter(({ viewer }) => viewer === 'real').flatMap(({ viewings }) => viewings)).toHaveLength(1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disk.heals();
    for (const raw of this.#raws) raw.close();
    this.#real?.child.kill('SIGKILL');
    this.#broadcaster.kill('SIGKILL');
    await this.relay.kill();
    this.#scratch[Symbol.dispose]();
  }

  #entries(folder: string, kind: string) {
    const db = new Database(ledgerFile(folder), { readonly: true });
    const rows = db.prepare<[string], { body: string }>('SELECT body FROM entries WHERE kind = ?').all(kind);
    db.close();
    return rows.map(({ body }) => JSON.parse(body));
  }

  get #raws(): RawViewer[] {
    return this.#spectators.map(({ raw }) => raw);
  }

  /** The viewings and epochs of every chunk that came. */
  #received(): string[] {
    return [...new Set(this.#raws.flatMap((raw) => raw.chunks.map(({ epoch }) => `${raw.viewing} ${epoch}`)))];
  }

  async #watch(name: string): Promise<void> {
    const raw = new RawViewer(this.relay.httpUrl);
    await raw.watch('news', await signedToken(this.relay.data, 'news', name));
    const media = await until(() => raw.media, `${name} has a ticket`);
    const spectator: Spectator = { name, raw, spells: [], isDark: true };
    this.#spectators.push(spectator);
    media.on('message', () => {
      const atMs = performance.now();
      const spell = spectator.isDark ? undefined : spectator.spells.at(-1);
      if (spell === undefined) spectator.spells.push({ fromMs: atMs, toMs: atMs });
      else spell.toMs = atMs;
      spectator.isDark = false;
    });
  }

  async #expectRefusesNewcomers(): Promise<void> {
    const newcomer = new RawViewer(this.relay.httpUrl);
    await newcomer.watch('news', await signedToken(this.relay.data, 'news', 'newcomer'));
    await until(() => newcomer.closeCode, 'a newcomer is refused');
    expect(newcomer).toMatchObject({ closeCode: 4503 });
    expect(newcomer.last('error')).toMatchObject({ code: 'unavailable', fatal: true });
  }

  async #readiness(): Promise<{ status: number; message?: string }> {
    const response = await fetch(`${this.relay.httpUrl}/readyz`);
    return { ...((await response.json()) as { message?: string }), status: response.status };
  }

  async #gauge(name: string): Promise<number> {
    const text = await (await fetch(`${this.relay.httpUrl}/metrics`)).text();
    return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
  }
}

const logLines = (log: string): { level: number; msg: string; reason?: string }[] =>
  log
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
