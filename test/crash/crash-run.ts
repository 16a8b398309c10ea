import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { billableMs, billableSpans } from '../../src/billing/metering.ts';
import { openReader } from '../../src/ledger/reader.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { Broadcasters } from '../e2e/broadcasters.ts';
import { freePort } from '../e2e/free-port.ts';
import { RawViewer } from '../e2e/raw-viewer.ts';
import { addProgram, isRunning, Scratch, signedToken, startTollcast, until } from '../e2e/relay-process.ts';
import type { Random } from '../sim/random.ts';

const PROGRAM = 'news';
const PERIOD_MS = 2_000;
/** Before a broadcaster that was thrown out connects again. */
const REPUBLISH_MS = 150;
/** From the start of a relay to its death: some die before they listen, most in mid-broadcast. */
const LIFE_MS = { least: 100, most: 7_000 };

export interface CrashFigures {
  kills: number;
  viewings: number;
  receipts: number;
  chunks: number;
  epochs: number;
  billedMs: number;
}

/**
 * The real relay, with a real broadcaster and real viewers, killed at random instants and started again on the same data; after each
 * kill its ledger is held against what the viewers were told.
 */
export class CrashRun {
  readonly figures: CrashFigures = { kills: 0, viewings: 0, receipts: 0, chunks: 0, epochs: 0, billedMs: 0 };
  readonly #scratch: Scratch;
  readonly #random: Random;
  readonly #viewers: number;
  readonly #configFile: string;
  readonly #data: string;
  readonly #ports: { readonly http: number; readonly rtmp: number };
  /** What viewers were told is durable: viewing and epoch. */
  readonly #confirmed = new Set<string>();
  /** Epoch and counter, and what was sealed under them. */
  readonly #sealed = new Map<string, string>();
  readonly #keys = new Map<string, number>();
  readonly #broadcasters = new Broadcasters(REPUBLISH_MS);

  private constructor(random: Random, viewers: number, ports: { http: number; rtmp: number }, scratch: Scratch) {
    this.#random = random;
    this.#viewers = viewers;
    this.#ports = ports;
    this.#scratch = scratch;
    this.#data = scratch.file('data');
    this.#configFile = scratch.file('relay.yaml');
    const { http, rtmp } = ports;
    const config = { http: { port: http }, rtmp: { port: rtmp }, keys: { periodMs: PERIOD_MS }, log: { level: 'warn' } };
    writeFileSync(this.#configFile, JSON.stringify(config));
  }

  static async open(random: Random, viewers: number): Promise<CrashRun> {
    const scratch = new Scratch();
    const ports = { http: await freePort(), rtmp: await freePort() };
    const streamKey = await addProgram(scratch.file('data'), PROGRAM, '--price', '0.60');
    const run = new CrashRun(random, viewers, ports, scratch);
    run.#broadcasters.start(`rtmp://127.0.0.1:${ports.rtmp}/live/${PROGRAM}?key=${streamKey}`);
    return run;
  }

  /** Starts the relay, lets it be watched for a while, kills it, and looks at what it left. @throws Error where something is wrong */
  async kill(): Promise<void> {
    const relay = this.#startRelay();
    const exited = once(relay, 'exit');
    const watching = Array.from({ length: this.#viewers }, (_, at) => this.#watch(`viewer-${at}`, relay, exited));
    await pause(this.#random.between(LIFE_MS.least, LIFE_MS.most));
    await killed(relay);
    const viewers = (await Promise.all(watching)).flat();
    this.figures.kills++;
    for (const viewer of viewers) this.#note(viewer);
    this.#checkLedger();
  }

  /** Starting it twice bills as starting it once. @throws Error */
  async restartTwice(): Promise<void> {
    const bills: string[] = [];
    for (let time = 0; time < 2; time++) {
      const relay = this.#startRelay();
      await this.#isReady(relay);
      await killed(relay);
      bills.push(this.#statements());
    }
    if (bills[0] !== bills[1]) throw new Error(`bills differ after a second restart:\n${bills.join('\n---\n')}`);
  }

  async close(): Promise<void> {
    this.#broadcasters.stop();
    this.#scratch[Symbol.dispose]();
  }

  #startRelay(): ChildProcess {
    const relay = startTollcast('serve', '--config', this.#configFile, '--data', this.#data);
    relay.stdout?.resume();
    relay.stderr?.resume();
    return relay;
  }

  async #isReady(relay: ChildProcess): Promise<boolean> {
    while (isRunning(relay)) {
      const answer = await fetch(`http://127.0.0.1:${this.#ports.http}/readyz`).catch(() => undefined);
      if (answer?.ok) return true;
      await pause(20);
    }
    return false;
  }

  /** Tries to watch for as long as the relay lives. @returns each try */
  async #watch(name: string, relay: ChildProcess, exited: Promise<unknown>): Promise<RawViewer[]> {
    if (!(await this.#isReady(relay))) return [];
    const token = await signedToken(this.#data, PROGRAM, name);
    const tries: RawViewer[] = [];
    for (let viewer: RawViewer | undefined; isRunning(relay) && !viewer?.viewing; ) {
      viewer?.close();
      viewer = new RawViewer(`http://127.0.0.1:${this.#ports.http}`);
      tries.push(viewer);
      const answered = until(() => viewer?.viewing || viewer?.closeCode !== undefined, 'an answer', 5_000);
      await Promise.race([viewer.watch(PROGRAM, token).then(() => answered), exited]).catch(() => undefined);
      answered.catch(() => undefined);
      await pause(200);
    }
    await exited;
    // What came last is still being read.
    await pause(50);
    for (const viewer of tries) viewer.close();
    return tries;
  }

  #note(viewer: RawViewer): void {
    if (viewer.viewing !== '') this.figures.viewings++;
    for (const message of viewer.messages)
      if (message.type === 'confirmed') this.#confirmed.add(`${viewer.viewing} ${message.epoch}`);
    for (const [epoch, key] of viewer.keys) {
      const text = Buffer.from(key).toString('hex');
      if ((this.#keys.get(text) ?? epoch) !== epoch)
        throw new Error(`epochs ${this.#keys.get(text)} and ${epoch} have the same key`);
      this.#keys.set(text, epoch);
    }
    const epochs = new Map<number, string>();
    for (const [key, epoch] of this.#keys) {
      if (epochs.has(epoch)) throw new Error(`epoch ${epoch} has two keys`);
      epochs.set(epoch, key);
    }
    for (const { epoch, counter, bytes } of viewer.chunks) {
      const nonce = `${epoch} ${counter}`;
      const hash = createHash('sha256').update(bytes).digest('base64');
      if ((this.#sealed.get(nonce) ?? hash) !== hash) throw new Error(`epoch ${epoch}, counter ${counter} was used twice`);
      this.#sealed.set(nonce, hash);
    }
    this.figures.chunks += viewer.chunks.length;
    this.figures.epochs = this.#keys.size;
  }

  #checkLedger(): void {
    const file = `${this.#data}/ledger.db`;
    const whole = verifyLedger(file);
    if (!whole.ok) throw new Error(`the ledger is not whole: ${whole.what}`);
    const db = new Database(file, { readonly: true });
    const rows = db.prepare<[], { body: string }>("SELECT body FROM entries WHERE kind = 'receipt'").all();
    db.close();
    const receipts = rows.map(({ body }) => JSON.parse(body) as { viewing: string; epoch: number });
    const durable = new Set(receipts.map(({ viewing, epoch }) => `${viewing} ${epoch}`));
    if (durable.size !== receipts.length) throw new Error('a receipt is in the ledger twice');
    for (const each of this.#confirmed)
      if (!durable.has(each)) throw new Error(`the receipt of ${each} was confirmed, and is lost`);
    this.figures.receipts = receipts.length;
    this.#checkBills();
  }

  /** One viewing at a time: no second of a viewer is in two of them. */
  #checkBills(): void {
    const reader = openReader(`${this.#data}/ledger.db`);
    const billed = new Map<string, { fromMs: number; toMs: number }[]>();
    this.figures.billedMs = 0;
    for (const record of reader.viewings()) {
      this.figures.billedMs += billableMs(record);
      const spans = billableSpans(record).map(({ fromMs, toMs }) => ({
        fromMs: record.wallAnchorMs + fromMs,
        toMs: record.wallAnchorMs + toMs,
      }));
      billed.set(record.viewer, [...(billed.get(record.viewer) ?? []), ...spans]);
    }
    reader.close();
    for (const [viewer, spans] of billed) {
      const sorted = spans.sort((a, b) => a.fromMs - b.fromMs);
      // Two boots anchor their clocks to the wall clock each by itself.
      for (const [at, span] of sorted.entries())
        if (at > 0 && span.fromMs < (sorted[at - 1]?.toMs ?? 0) - 5)
          throw new Error(`${viewer} is billed twice for ${span.fromMs}`);
    }
  }

  #statements(): string {
    const reader = openReader(`${this.#data}/ledger.db`);
    const lines = [...reader.viewings()].map((record) => `${record.viewing} ${record.endedBy} ${billableMs(record)}`);
    reader.close();
    return lines.join('\n');
  }
}

async function killed(child: ChildProcess): Promise<void> {
  if (!isRunning(child)) throw new Error('the relay died by itself');
  child.kill('SIGKILL');
  await once(child, 'exit');
}
