import { readFileSync } from 'node:fs';
import { intersect, normalise, totalMs } from '../../src/billing/spans.ts';
import type { SpanMs, ViewingRecord } from '../../src/billing/viewing-record.ts';
import { MAX_SERVED_GAP_MS } from '../../src/edge/served-time.ts';
import type { Entry } from '../../src/ledger/entry.ts';
import type { SealedChunk } from '../../src/media/chunk.ts';
import type { WireChunk } from '../e2e/wire-chunk.ts';
import { DebtWatch } from './debts.ts';
import { EpochWatch } from './epochs.ts';
import type { SimProcess, SimTime } from './time.ts';
import { deviceOf } from './viewer.ts';

/** DESIGN.md, section 5, by its numbers. */
export type Invariant = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10;

/** Something that must always hold did not. */
export class Violation extends Error {
  readonly invariant: Invariant;

  constructor(invariant: Invariant, atMs: number, what: string) {
    super(`invariant ${invariant}, at ${atMs} ms: ${what}`);
    this.invariant = invariant;
  }
}

/** How long after what interrupts a picture its viewer may be granted another catch-up for it, which it may have been already. */
const INTERRUPTED_MS = 10_000;

const ON_THE_WAY_MS = 1_000;

/** After the bus was out, edges ask for all gates at once: there and back, each 80 ms at most. */
const SNAPSHOT_MS = 200;

/** Edges report every 2 s. */
const LAST_REPORT_MS = 2_000;

/** A disk that refuses is tried again after 250 ms; then the word of it goes to the viewer. */
const UNRECORDED_MS = 3_000;

/** Why a bill may be short of what was served. */
export type GaveAway = 'killed' | 'edge-died' | 'capped' | 'outage' | 'overfull';

/** What a viewing costs by the word of its end. */
export interface Told {
  readonly ms: number;
  /** Not so: its ledger could not be written. */
  readonly final: boolean;
}

export interface Who {
  readonly viewer: string;
  readonly program: string;
  readonly device: string;
}

interface Seen extends Who {
  /** Whose clock its ledger times are by. */
  readonly process: SimProcess;
  /** Durable receipts: when they were stamped and became so. */
  readonly receipts: Map<number, { readonly stampedMs: number; readonly durableMs: number }>;
  readonly received: Set<number>;
  newestKey?: { readonly epoch: number; readonly atMs: number; readonly isFirst: boolean };
  /** The edges that it was given tickets for. */
  readonly sentTo: Set<string>;
  /** When an edge that it had not been sent to reported it last. */
  readonly madeUpMs: Map<string, number>;
  /** It was sent to that edge while such a report was on its way. */
  isMadeUp: boolean;
  /** When chunks were sent to it, by each fan-out. */
  readonly sends: Map<string, number[]>;
  /** When it was stopped, revoked or superseded: no later key. */
  closedMs?: number;
  /** The end of its broadcast was not taken: by the ledger its last epoch may go on until the next broadcast. */
  isOpenEnded: boolean;
  /** Its end is durable. */
  hasEnded: boolean;
  /** Its bill may be short of what it was served, and by what. */
  readonly gaveAway: Set<GaveAway>;
}

/** Sees all that truly happens, by the one time that nobody else sees, and holds what the system says against it. */
export class Oracle {
  readonly #time: SimTime;
  readonly #slackMs: number;
  readonly viewings = new Map<string, Seen>();
  readonly epochs: EpochWatch;
  readonly debts = new DebtWatch();
  #violation: Violation | undefined;
  /** Until then edges may not have heard that a gate is closed: a named allowance. */
  #deafUntilMs = 0;
  #interruptedMs = Number.NEGATIVE_INFINITY;
  #diskRefusedMs = Number.NEGATIVE_INFINITY;
  /** Viewings whose consent was not recorded. */
  readonly #unrecorded = new Set<string>();
  /** When each viewer of a program was granted a catch-up last. */
  readonly #catchUps = new Map<string, number>();
  /** When a viewing of each program ended last. */
  readonly #settledMs = new Map<string, number>();
  /** For figures. */
  readonly counts: Record<string, number> = {};

  /** @param slackMs what a message may be on its way: by so much times from another host may be wrong */
  constructor(time: SimTime, slackMs: number) {
    this.#time = time;
    this.#slackMs = slackMs;
    this.epochs = new EpochWatch(time, (invariant, what) => this.fail(invariant, what));
  }

  count(what: string, by = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + by;
  }

  broadcastBegan(run: string, process: SimProcess): void {
    this.epochs.broadcastBegan(run, process);
    this.count('broadcasts');
  }

  began(program: string, epoch: number, run: string): void {
    this.epochs.began(program, epoch, run);
    this.count('epochs');
  }

  /** An encryptor process is given a key. */
  keyMade(program: string, epoch: number, contentKey: Uint8Array, process: SimProcess): void {
    if (this.epochs.keyMade(program, epoch, Buffer.from(contentKey).toString('hex'), process)) this.count('keys');
  }

  sealed(program: string, chunk: SealedChunk, run: string): void {
    this.epochs.sealed(program, chunk, run);
    this.count('chunks sealed');
  }

  durable(entry: Entry, stampedMs: number, process: SimProcess): void {
    if (entry.kind === 'consent') {
      const { viewer, program } = entry;
      this.#see(entry.viewing, { viewer, program, device: deviceOf(viewer) }, process);
    } else if (entry.kind === 'receipt') {
      const durableMs = this.#time.nowMs;
      this.viewings.get(entry.viewing)?.receipts.set(entry.epoch, { stampedMs: process.startedMs + stampedMs, durableMs });
      this.count('receipts');
    } else if (entry.kind === 'viewing-ended') {
      const seen = this.viewings.get(entry.viewing);
      if (seen !== undefined) {
        seen.hasEnded = true;
        this.debts.ended(entry.viewing, seen, process.startedMs + stampedMs);
        this.#settled(seen, process.startedMs + entry.atMs);
      }
    } else if (entry.kind === 'epoch-begun') {
      const { program, epoch, atMs } = entry;
      this.epochs.durable(program, epoch, process.startedMs + atMs, this.#slackMs, this.#settledMs.get(program) ?? 0);
    }
  }

  #settled({ program }: Who, atMs: number): void {
    this.#settledMs.set(program, Math.max(atMs, this.#settledMs.get(program) ?? 0));
  }

  /** A process that had the viewings whose end is not durable died. */
  killed(process: SimProcess): void {
    for (const seen of this.viewings.values()) if (seen.process === process && !seen.hasEnded) seen.gaveAway.add('killed');
  }

  admitted(viewing: string, who: Who, process: SimProcess): void {
    const seen = this.#see(viewing, who, process);
    this.count('viewings');
    if (this.#unrecorded.has(viewing)) seen.gaveAway.add('overfull');
    const owes = this.debts.at(seen, this.#time.nowMs);
    if (owes !== undefined) this.fail(4, `${viewing} was given a key, though ${who.viewer} left ${owes} unconfirmed`);
  }

  /** @param underWay the viewings of one viewer and program that go on */
  underWay(viewing: string, underWay: number, atMost: number): void {
    if (underWay > atMost) this.fail(5, `${viewing} is one of ${underWay} viewings of one viewer, of which ${atMost} may go on`);
  }

  /** A key leaves the authority. @param to whose channel it leaves on, and which device is at its other end */
  keySent(viewing: string, epoch: number, to: string, device: string): void {
    const seen = this.#seen(viewing);
    if (device !== seen.device) this.fail(1, `a key of ${viewing} was sent to ${device}`);
    if (to !== viewing) this.fail(1, `a key of ${viewing} was sent to ${to}`);
    const last = seen.newestKey;
    const isFurther = last === undefined || epoch > last.epoch;
    if (isFurther && seen.closedMs !== undefined && seen.closedMs < this.#time.nowMs)
      this.fail(4, `${viewing} was sent the key of epoch ${epoch} after its end at ${seen.closedMs} ms`);
    const atJoin = last?.isFirst && last.atMs === this.#time.nowMs;
    if (isFurther && last !== undefined && !atJoin && !seen.received.has(last.epoch))
      this.fail(4, `${viewing} was sent the key of epoch ${epoch}, but had not answered that of epoch ${last.epoch}`);
    if (isFurther) this.debts.given(viewing);
    if (isFurther) seen.newestKey = { epoch, atMs: this.#time.nowMs, isFirst: last === undefined };
  }

  /** The authority has taken a good receipt. */
  received(viewing: string, epoch: number): void {
    const seen = this.#seen(viewing);
    if (!seen.received.has(epoch)) this.debts.confirmed(viewing, seen, this.#time.nowMs);
    seen.received.add(epoch);
  }

  closed(viewing: string): void {
    this.#seen(viewing).closedMs ??= this.#time.nowMs;
  }

  gaveAway(viewing: string, why: GaveAway): void {
    this.viewings.get(viewing)?.gaveAway.add(why);
  }

  /** From now on nothing that is said reaches the edges. */
  outageBegan(): void {
    this.#deafUntilMs = Number.POSITIVE_INFINITY;
  }

  /** Nothing that was said in the meantime has reached the edges. */
  outageEnded(): void {
    this.#deafUntilMs = this.#time.nowMs + SNAPSHOT_MS;
  }

  /** When every edge has heard what was said at some time, at the latest. */
  #heardMs(saidMs: number): number {
    return Math.max(saidMs, this.#deafUntilMs) + this.#slackMs;
  }

  /** An edge is told of a ticket. */
  sentTo(viewing: string, edge: string): void {
    const seen = this.#seen(viewing);
    seen.sentTo.add(edge);
    if (this.#time.nowMs - (seen.madeUpMs.get(edge) ?? Number.NEGATIVE_INFINITY) < ON_THE_WAY_MS) seen.isMadeUp = true;
  }

  wasSentTo(viewing: string, edge: string): boolean {
    return this.viewings.get(viewing)?.sentTo.has(edge) ?? true;
  }

  /** An edge that a viewing was never sent to says that it served it. Of one that it was sent to nobody could tell. */
  madeUp(viewing: string, edge: string): void {
    this.#seen(viewing).madeUpMs.set(edge, this.#time.nowMs);
  }

  /** A chunk leaves an edge. */
  chunkSent(viewing: string, { epoch, counter, bytes }: WireChunk, fanOut: string): void {
    const seen = this.#seen(viewing);
    if (!seen.receipts.has(epoch)) this.fail(3, `${viewing} was sent a chunk of epoch ${epoch}, whose receipt is not durable`);
    const fault = this.epochs.fault(seen.program, epoch, counter, bytes, (saidMs) => this.#heardMs(saidMs));
    if (fault !== undefined) this.fail(9, `${viewing} was sent ${fault}`);
    if (seen.closedMs !== undefined && this.#time.nowMs > this.#heardMs(seen.closedMs))
      this.fail(5, `${viewing} was sent a chunk after its end at ${seen.closedMs} ms`);
    const sends = seen.sends.get(fanOut) ?? [];
    seen.sends.set(fanOut, sends);
    if (sends.at(-1) !== this.#time.nowMs) sends.push(this.#time.nowMs);
    this.count('chunks sent');
  }

  /** What a viewer sees was interrupted, and not by itself: a catch-up may be given again. */
  interrupted(): void {
    this.#interruptedMs = this.#time.nowMs;
  }

  /** A viewing is granted a free catch-up: the first is a present, each further one comes after a period that was paid for. */
  catchUp(viewing: string, periodMs: number): void {
    const seen = this.#seen(viewing);
    const nowMs = this.#time.nowMs;
    const name = `${seen.process.boot} ${seen.program} ${seen.viewer}`;
    const lastMs = this.#catchUps.get(name);
    this.#catchUps.set(name, nowMs);
    this.count('catch-ups');
    if (lastMs === undefined || this.#interruptedMs >= lastMs - INTERRUPTED_MS) return;
    // What was served before may have been reported after it.
    const since = [{ fromMs: lastMs - LAST_REPORT_MS - this.#slackMs, toMs: nowMs }];
    let paidMs = 0;
    for (const own of this.viewings.values())
      if (own.process === seen.process && own.program === seen.program && own.viewer === seen.viewer)
        paidMs += totalMs(intersect(since, intersect(this.#confirmed(own), this.#served(own))));
    if (paidMs + this.#slackMs * 4 < periodMs)
      this.fail(5, `${viewing} was given another free catch-up after ${paidMs} ms that were paid for`);
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
    if (seen === undefined || seen.isMadeUp) return;
    this.count('statements');
    if (record.receipts !== seen.receipts.size)
      this.fail(6, `${record.viewing} has ${record.receipts} receipts in the ledger, of ${seen.receipts.size} that are durable`);
    this.#checkConfirmed(record, seen);
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
    const dueMs = totalMs(intersect(intersect(lasted, this.#confirmed(seen, 'ledger')), paidFor));
    if (seen.gaveAway.size === 0 && billedMs + slackMs + unheardMs < dueMs)
      this.fail(5, `${record.viewing} is billed ${billedMs} ms only of ${dueMs} ms (${record.endedBy})`);
  }

  /** Whatever was served: no time is confirmed that no receipt covers. */
  #checkConfirmed({ viewing, confirmed }: ViewingRecord, seen: Seen): void {
    if (seen.isOpenEnded) return;
    const { startedMs } = seen.process;
    const spans = confirmed.map(({ fromMs, toMs }) => ({ fromMs: fromMs + startedMs, toMs: toMs + startedMs }));
    const covered = normalise([...this.#confirmed(seen), ...this.#confirmed(seen, 'ledger')]);
    const beyondMs = totalMs(spans) - totalMs(intersect(spans, covered));
    if (beyondMs > this.#slackMs * (spans.length + 1))
      this.fail(5, `${viewing} has ${beyondMs} ms confirmed which none of its receipts covers`);
  }

  /** What the server told at the end, against the ledger. */
  checkTold(viewing: string, { ms, final }: Told, billedMs: number): void {
    // A process that dies may have told what it had not recorded.
    if (this.viewings.get(viewing)?.gaveAway.has('killed')) return;
    const gaveAway = this.viewings.get(viewing)?.gaveAway.has('overfull');
    if (final ? ms !== billedMs : ms > billedMs && !gaveAway)
      this.fail(7, `${viewing} was told ${ms} ms${final ? '' : ' for the time being'}, and is billed ${billedMs} ms`);
  }

  diskRefused(): void {
    this.#diskRefusedMs = this.#time.nowMs;
    this.count('faults: disk refusals');
  }

  /** Something was not recorded at all: bills may be short of it. */
  entryLost(entry: Entry, process: SimProcess): void {
    this.count('faults: entries not taken by an overfull ledger');
    // Of a viewing that is being admitted.
    if (entry.kind === 'consent') this.#unrecorded.add(entry.viewing);
    // Its end is offered again, and an epoch may be heard of before it is taken.
    if (entry.kind === 'broadcast-ended')
      for (const seen of this.viewings.values())
        if (seen.process === process && seen.program === entry.program) seen.isOpenEnded = true;
    if (entry.kind === 'viewing-ended') {
      const seen = this.viewings.get(entry.viewing);
      if (seen !== undefined) this.#settled(seen, process.startedMs + entry.atMs);
    }
    for (const seen of this.viewings.values()) if (seen.process === process && !seen.hasEnded) seen.gaveAway.add('overfull');
  }

  /** A viewer hears of its end from a server that has not recorded all of it: only a disk that refuses is a reason, or did before. */
  toldUnrecorded(viewing: string): void {
    this.count('ends told without the ledger');
    if (this.viewings.get(viewing)?.gaveAway.has('overfull')) return;
    if (this.#diskRefusedMs < this.#time.nowMs - UNRECORDED_MS)
      this.fail(7, `${viewing} was told its cost for the time being, though the disk refused nothing`);
  }

  /** No key may be on the disk in any form, nor in a log. */
  checkWritten(file: string, log: string): void {
    const bytes = Buffer.concat([file, `${file}-wal`].map((each) => readIfThere(each)));
    for (const [key, { name }] of this.epochs.keys) {
      const raw = Buffer.from(key, 'hex');
      const forms = [raw, Buffer.from(key), Buffer.from(raw.toString('base64url'))];
      if (forms.some((form) => bytes.includes(form))) this.fail(1, `the key of ${name} is on the disk`);
      if (log.includes(key) || log.includes(raw.toString('base64url'))) this.fail(1, `the key of ${name} is in the log`);
    }
  }

  #see(viewing: string, who: Who, process: SimProcess): Seen {
    const known = this.viewings.get(viewing);
    if (known !== undefined) return known;
    const seen: Seen = {
      ...who,
      process,
      receipts: new Map(),
      received: new Set(),
      sentTo: new Set(),
      madeUpMs: new Map(),
      isMadeUp: false,
      sends: new Map(),
      hasEnded: false,
      gaveAway: new Set(),
      isOpenEnded: false,
    };
    this.viewings.set(viewing, seen);
    return seen;
  }

  #seen(viewing: string): Seen {
    const seen = this.viewings.get(viewing);
    if (seen === undefined) throw new Error(`nobody saw ${viewing} begin`);
    return seen;
  }

  #wholeMs({ process }: Seen, endedMs: number | undefined): number {
    return endedMs === undefined ? this.#time.nowMs : process.startedMs + endedMs;
  }

  #confirmed(seen: Seen, by: 'truth' | 'ledger' = 'truth'): SpanMs[] {
    const spans = [...seen.receipts].flatMap(([epoch, { stampedMs }]) => {
      const lasted = this.epochs.lasted(seen.program, epoch, by);
      return lasted === undefined ? [] : [{ ...lasted, fromMs: Math.max(lasted.fromMs, stampedMs) }];
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
