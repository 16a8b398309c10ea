import { readFileSync } from 'node:fs';
import { intersect, normalise, totalMs } from '../../src/billing/spans.ts';
import type { SpanMs, ViewingRecord } from '../../src/billing/viewing-record.ts';
import { MAX_SERVED_GAP_MS } from '../../src/edge/served-time.ts';
import type { Entry } from '../../src/ledger/entry.ts';
import type { SimProcess, SimTime } from './time.ts';

/** DESIGN.md, section 5, by its numbers; what cannot be broken here is not among them. */
export type Invariant = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 10;

/** Something that must always hold did not. */
export class Violation extends Error {
  readonly invariant: Invariant;

  constructor(invariant: Invariant, atMs: number, what: string) {
    super(`invariant ${invariant}, at ${atMs} ms: ${what}`);
    this.invariant = invariant;
  }
}

/** Looking for bytes takes longer than for text, in which an entry would have them. */
const RAW_KEYS_SOUGHT = 3;

/** Edges report every 2 s. */
const LAST_REPORT_MS = 2_000;

interface Seen {
  readonly viewer: string;
  readonly program: string;
  readonly token: string;
  /** Whose clock its ledger times are by. */
  readonly process: SimProcess;
  /** Durable receipts: when they were stamped and became so. */
  readonly receipts: Map<number, { readonly stampedMs: number; readonly durableMs: number }>;
  readonly received: Set<number>;
  newestKey?: { readonly epoch: number; readonly atMs: number; readonly isFirst: boolean };
  /** The edges that it was given tickets for. */
  readonly sentTo: Set<string>;
  /** When chunks were sent to it, by each edge. */
  readonly sends: Map<string, number[]>;
  /** When it was stopped, revoked or superseded: no later key. */
  closedMs?: number;
  /** Its end is durable. */
  hasEnded: boolean;
  /** Its bill may be short of what it was served, and by what. */
  readonly gaveAway: Set<'killed' | 'edge-died' | 'capped' | 'outage'>;
}

interface EpochTruth {
  readonly run: string;
  readonly beganMs: number;
  endedMs?: number;
  lastCounter: number;
}

/** Sees all that truly happens, by the one time that nobody else sees, and holds what the system says against it. */
export class Oracle {
  readonly #time: SimTime;
  readonly #slackMs: number;
  readonly viewings = new Map<string, Seen>();
  readonly #epochs = new Map<string, EpochTruth>();
  readonly #current = new Map<string, string>();
  readonly #keys = new Map<string, string>();
  #violation: Violation | undefined;
  /** Until then edges may not have heard that a gate is closed: a named allowance, of a second. */
  #deafUntilMs = 0;
  /** For figures. */
  readonly counts = { viewings: 0, receipts: 0, chunks: 0, keys: 0, kills: 0, statements: 0 };

  /** @param slackMs what a message may be on its way: by so much times from another host may be wrong */
  constructor(time: SimTime, slackMs: number) {
    this.#time = time;
    this.#slackMs = slackMs;
  }

  began(program: string, epoch: number, run: string): void {
    const name = `${program} ${epoch}`;
    if (this.#epochs.has(name)) this.fail(2, `epoch ${epoch} of ${program} began twice`);
    this.ended(program);
    this.#epochs.set(name, { run, beganMs: this.#time.nowMs, lastCounter: -1 });
    this.#current.set(program, name);
  }

  /** No epoch of a program lasts any more. */
  ended(program: string): void {
    const current = this.#epochs.get(this.#current.get(program) ?? '');
    if (current !== undefined) current.endedMs ??= this.#time.nowMs;
  }

  keyMade(program: string, epoch: number, key: string): void {
    const name = `${program} ${epoch}`;
    const before = this.#keys.get(key);
    if (before !== undefined && before !== name) this.fail(2, `the key of ${before} is that of ${name} too`);
    this.#keys.set(key, name);
    this.counts.keys++;
  }

  sealed(program: string, epoch: number, counter: number, run: string): void {
    const truth = this.#epochs.get(`${program} ${epoch}`);
    if (truth === undefined || truth.run !== run) this.fail(2, `a chunk of epoch ${epoch} of ${program} from ${run}`);
    else if (counter <= truth.lastCounter) this.fail(2, `counter ${counter} of epoch ${epoch} of ${program} again`);
    else truth.lastCounter = counter;
  }

  durable(entry: Entry, stampedMs: number, process: SimProcess): void {
    if (entry.kind === 'consent') {
      const { viewer, program, token } = entry;
      const known = this.viewings.get(entry.viewing);
      if (known === undefined) this.#see(entry.viewing, viewer, program, token, process);
    } else if (entry.kind === 'receipt') {
      const durableMs = this.#time.nowMs;
      this.viewings.get(entry.viewing)?.receipts.set(entry.epoch, { stampedMs: process.startedMs + stampedMs, durableMs });
      this.counts.receipts++;
    } else if (entry.kind === 'viewing-ended') {
      const seen = this.viewings.get(entry.viewing);
      if (seen !== undefined) seen.hasEnded = true;
    }
  }

  /** A process that had the viewings whose end is not durable died. */
  killed(process: SimProcess): void {
    this.counts.kills++;
    for (const seen of this.viewings.values()) if (seen.process === process && !seen.hasEnded) seen.gaveAway.add('killed');
  }

  admitted(viewing: string, viewer: string, program: string, token: string, process: SimProcess): void {
    this.#see(viewing, viewer, program, token, process);
    this.counts.viewings++;
  }

  /** A key leaves the authority. @param to whose channel it leaves on */
  keySent(viewing: string, epoch: number, to: string): void {
    const seen = this.#seen(viewing);
    if (to !== viewing) this.fail(1, `a key of ${viewing} was sent to ${to}`);
    const last = seen.newestKey;
    const isFurther = last === undefined || epoch > last.epoch;
    if (isFurther && seen.closedMs !== undefined && seen.closedMs < this.#time.nowMs)
      this.fail(4, `${viewing} was sent the key of epoch ${epoch} after its end at ${seen.closedMs} ms`);
    const atJoin = last?.isFirst && last.atMs === this.#time.nowMs;
    if (isFurther && last !== undefined && !atJoin && !seen.received.has(last.epoch))
      this.fail(4, `${viewing} was sent the key of epoch ${epoch}, but had not answered that of epoch ${last.epoch}`);
    if (isFurther) seen.newestKey = { epoch, atMs: this.#time.nowMs, isFirst: last === undefined };
  }

  /** The authority has taken a good receipt. */
  received(viewing: string, epoch: number): void {
    this.#seen(viewing).received.add(epoch);
  }

  closed(viewing: string): void {
    this.#seen(viewing).closedMs ??= this.#time.nowMs;
  }

  gaveAway(viewing: string, why: 'killed' | 'edge-died' | 'capped' | 'outage'): void {
    this.viewings.get(viewing)?.gaveAway.add(why);
  }

  /** Nothing that was said in the meantime has reached the edges. */
  outageEnded(): void {
    this.#deafUntilMs = this.#time.nowMs + 1_000;
  }

  /** A ticket leaves the authority. */
  ticketSent(viewing: string, url: string): void {
    this.#seen(viewing).sentTo.add(url.split('/v1/')[0] ?? '');
  }

  /** A chunk leaves an edge. */
  chunkSent(viewing: string, epoch: number, edge: string): void {
    const seen = this.#seen(viewing);
    if (!seen.receipts.has(epoch)) this.fail(3, `${viewing} was sent a chunk of epoch ${epoch}, whose receipt is not durable`);
    if (seen.closedMs !== undefined && this.#time.nowMs > Math.max(seen.closedMs, this.#deafUntilMs) + this.#slackMs)
      this.fail(5, `${viewing} was sent a chunk after its end at ${seen.closedMs} ms`);
    const sends = seen.sends.get(edge) ?? [];
    seen.sends.set(edge, sends);
    sends.push(this.#time.nowMs);
    this.counts.chunks++;
  }

  /** Notes what was broken first: whoever is about to be told may be the system itself, which would swallow it. */
  fail(invariant: Invariant, what: string): void {
    this.#violation ??= new Violation(invariant, Math.round(this.#time.nowMs), what);
  }

  /** @throws Violation */
  throwIfBroken(): void {
    if (this.#violation !== undefined) throw this.#violation;
  }

  /** What the ledger makes of a viewing, against what was true of it. */
  checkRecord(record: ViewingRecord, billedMs: number): void {
    const seen = this.viewings.get(record.viewing);
    if (seen === undefined) return;
    this.counts.statements++;
    if (record.receipts !== seen.receipts.size)
      this.fail(6, `${record.viewing} has ${record.receipts} receipts in the ledger, of ${seen.receipts.size} that are durable`);
    const { startedMs, endedMs } = record;
    const lasted =
      startedMs === undefined ? [] : [{ fromMs: seen.process.startedMs + startedMs, toMs: this.#wholeMs(seen, endedMs) }];
    const paidFor = intersect(intersect(lasted, this.#confirmed(seen)), this.#served(seen));
    const reports = seen.sends.size === 0 ? 0 : totalMs(this.#served(seen)) / 1_000 + 2;
    const slackMs = this.#slackMs * reports;
    if (billedMs > totalMs(paidFor) + slackMs)
      this.fail(5, `${record.viewing} is billed ${billedMs} ms, but was served ${totalMs(paidFor)} ms of what it confirmed`);
    // What an edge that was left says when all is over is not waited for.
    const unheardMs = LAST_REPORT_MS * Math.max(0, seen.sentTo.size - 1);
    if (seen.gaveAway.size === 0 && billedMs + slackMs + unheardMs < totalMs(paidFor))
      this.fail(5, `${record.viewing} is billed ${billedMs} ms only of ${totalMs(paidFor)} ms (${record.endedBy})`);
  }

  /** What the server told at the end, against the ledger. */
  checkTold(viewing: string, toldMs: number, billedMs: number): void {
    // A process that dies may have told what it had not recorded.
    if (this.viewings.get(viewing)?.gaveAway.has('killed')) return;
    if (Math.abs(toldMs - billedMs) > this.#slackMs * 4)
      this.fail(7, `${viewing} was told ${toldMs} ms, and is billed ${billedMs} ms`);
  }

  /** No key may be on the disk in any form. */
  checkDisk(file: string): void {
    const bytes = Buffer.concat([file, `${file}-wal`].map((each) => readIfThere(each)));
    const text = bytes.toString('latin1');
    const written = new Set([...(text.match(/[0-9a-f]{64}/g) ?? []), ...(text.match(/[\w-]{43}/g) ?? [])]);
    let raw = 0;
    for (const [key, name] of this.#keys) {
      const isText = written.has(key) || written.has(Buffer.from(key, 'hex').toString('base64url'));
      const isRaw = raw++ < RAW_KEYS_SOUGHT && bytes.includes(Buffer.from(key, 'hex'));
      if (isText || isRaw) this.fail(1, `the key of ${name} is on the disk`);
    }
  }

  #see(viewing: string, viewer: string, program: string, token: string, process: SimProcess): Seen {
    const seen: Seen = {
      viewer,
      program,
      token,
      process,
      receipts: new Map(),
      received: new Set(),
      sentTo: new Set(),
      sends: new Map(),
      hasEnded: false,
      gaveAway: new Set(),
    };
    this.viewings.set(viewing, this.viewings.get(viewing) ?? seen);
    return this.viewings.get(viewing) ?? seen;
  }

  #seen(viewing: string): Seen {
    const seen = this.viewings.get(viewing);
    if (seen === undefined) throw new Error(`nobody saw ${viewing} begin`);
    return seen;
  }

  #wholeMs({ process }: Seen, endedMs: number | undefined): number {
    return endedMs === undefined ? this.#time.nowMs : process.startedMs + endedMs;
  }

  #confirmed(seen: Seen): SpanMs[] {
    const spans = [...seen.receipts].flatMap(([epoch, { stampedMs }]) => {
      const truth = this.#epochs.get(`${seen.program} ${epoch}`);
      if (truth === undefined) return [];
      return [{ fromMs: Math.max(truth.beganMs, stampedMs), toMs: truth.endedMs ?? this.#time.nowMs }];
    });
    return normalise(spans);
  }

  #served(seen: Seen): SpanMs[] {
    const spans = [...seen.sends.values()].flatMap((sends) =>
      sends.slice(1).flatMap((toMs, at) => {
        const fromMs = sends[at] ?? toMs;
        return toMs - fromMs <= MAX_SERVED_GAP_MS ? [{ fromMs, toMs }] : [];
      }),
    );
    return normalise(spans);
  }
}

function readIfThere(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch {
    return Buffer.alloc(0);
  }
}
