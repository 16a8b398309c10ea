import { TollcastError } from '../errors.ts';
import { MAX_REPORTS, type Report } from '../protocol/encryptor-messages.ts';

/** A report without what is added as it is sent. */
export type Draft = Report extends infer R
  ? R extends Report
    ? Omit<R, 'program' | 'broadcast' | 'seq' | 'agoMs'>
    : never
  : never;

interface Outstanding {
  readonly draft: Draft;
  readonly atMs: number;
  /** Given as it is sent first: from then on it is what it is. */
  seq?: number;
}

/**
 * What is to be reported of one broadcast until the authority has heard it, in order. While nothing can be sent it is bounded: keys
 * are few then, and of a broadcaster that comes and goes only the first going and the last coming count.
 */
export class ReportQueue {
  readonly #run: { readonly program: string; readonly broadcast: string };
  #outstanding: Outstanding[] = [];
  #lastSeq = 0;
  #heard = 0;
  #awayHeard = false;

  constructor(run: { readonly program: string; readonly broadcast: string }) {
    this.#run = run;
  }

  get isEmpty(): boolean {
    return this.#outstanding.length === 0;
  }

  get outstanding(): number {
    return this.#outstanding.length;
  }

  /** How many reports the authority is known to have taken. */
  get heardSeq(): number {
    return this.#heard;
  }

  /** Whether the broadcaster was away before what is outstanding. */
  get awayBefore(): boolean {
    return this.#awayHeard;
  }

  /** @throws TollcastError `too-many-reports` where the authority hears nothing for too long */
  add(draft: Draft, atMs: number): void {
    const last = this.#outstanding.at(-1);
    if (draft.type === 'away' && last?.draft.type === 'back' && last.seq === undefined) {
      this.#outstanding.pop();
      return;
    }
    if (this.#outstanding.length >= MAX_REPORTS)
      throw new TollcastError('too-many-reports', `the authority has not heard the last ${MAX_REPORTS} reports of a broadcast`);
    this.#outstanding.push({ draft, atMs });
  }

  /** What was never sent; it counts as sent now. */
  unsent(nowMs: number): Report[] {
    return this.#sent(
      this.#outstanding.filter(({ seq }) => seq === undefined),
      nowMs,
    );
  }

  /** All that is outstanding, for a new socket; it counts as sent now. */
  all(nowMs: number): Report[] {
    return this.#sent(this.#outstanding, nowMs);
  }

  heard(seq: number): void {
    this.#heard = Math.max(this.#heard, Math.min(seq, this.#lastSeq));
    const isHeard = (report: Outstanding) => report.seq !== undefined && report.seq <= this.#heard;
    for (const { draft } of this.#outstanding.filter(isHeard)) {
      if (draft.type === 'away') this.#awayHeard = true;
      if (draft.type === 'back') this.#awayHeard = false;
    }
    this.#outstanding = this.#outstanding.filter((report) => !isHeard(report));
  }

  #sent(reports: readonly Outstanding[], nowMs: number): Report[] {
    return reports.map((report) => {
      report.seq ??= ++this.#lastSeq;
      return { ...report.draft, ...this.#run, seq: report.seq, agoMs: Math.max(0, nowMs - report.atMs) };
    });
  }
}
