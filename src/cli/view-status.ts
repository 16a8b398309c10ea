import { runningCharge } from '../billing/charge.ts';
import type { ProgramInfo } from '../protocol/messages.ts';
import type { Waiting } from '../viewer/admission.ts';
import type { ViewingEnd } from '../viewer/end.ts';
import type { ViewerObserver } from '../viewer/options.ts';
import type { ViewerClient, ViewerStatistics } from '../viewer/viewer-client.ts';
import { note } from './output.ts';
import { ProgressLine } from './progress-line.ts';
import { counted, printable } from './text.ts';

const DRAW_MS = 500;

/** A viewing that is over. */
interface Past {
  readonly billableMs: number;
  readonly statistics: ViewerStatistics;
}

/** What there is to say while a program is watched, by one viewing or several, and when that is over. */
export class ViewStatus {
  readonly #program: ProgramInfo;
  readonly #seconds: number | undefined;
  readonly #stop: () => void;
  readonly #line = new ProgressLine();
  readonly #viewings: string[] = [];
  readonly #past: Past[] = [];
  #broadcast: string | undefined;
  #epoch: number | undefined;
  /** Said already. */
  #refused: string | undefined;
  #client: ViewerClient | undefined;
  #end: ViewingEnd | undefined;
  #drawing: NodeJS.Timeout | undefined;
  #stopping: NodeJS.Timeout | undefined;
  #measured = { atMs: performance.now(), bytes: 0 };

  /** Calls `stop` so many seconds after the first viewing started: its first confirmed receipt. */
  constructor(program: ProgramInfo, seconds: number | undefined, stop: () => void) {
    this.#program = program;
    this.#seconds = seconds;
    this.#stop = stop;
  }

  readonly observer: ViewerObserver = {
    admitted: ({ viewing, broadcast }) => {
      if (this.#viewings.at(-1) !== viewing) this.#viewings.push(viewing);
      this.#broadcast = broadcast;
    },
    refused: ({ message }) => {
      if (this.#refused === message) return;
      this.#refused = message;
      this.#line.clear();
      note(message);
    },
    confirmed: (epoch) => {
      this.#epoch = epoch;
      this.#startCounting();
    },
  };

  begin(client: ViewerClient): void {
    this.#client = client;
    this.#drawing ??= setInterval(() => this.#line.show(() => this.#text(this.#client ?? client)), DRAW_MS);
  }

  ended(end: ViewingEnd): void {
    const statistics = this.#client?.statistics;
    if (statistics !== undefined) this.#past.push({ billableMs: end.usage?.billableMs ?? 0, statistics });
    this.#client = undefined;
    this.#end = end;
  }

  close(): void {
    clearInterval(this.#drawing);
    clearTimeout(this.#stopping);
    this.#line.clear();
  }

  /** How the last viewing ended. */
  get end(): ViewingEnd | undefined {
    return this.#end;
  }

  /** Whether there is anything to sum up: one who was refused has consented to nothing. */
  get wasAdmitted(): boolean {
    return this.#viewings.length > 0;
  }

  /** Whether a key was confirmed. */
  get hasBegun(): boolean {
    return this.#epoch !== undefined;
  }

  /** For people, in one line. */
  get summary(): string {
    const { program, billableSeconds, amount, currency, final, confirmedEpochs, openedChunks } = this.usage;
    const cost = `${counted(billableSeconds, 'second')}, ${amount} ${currency}`;
    const asFarAsKnown = final ? '' : ' by the last figure the server gave';
    const viewings = this.#viewings.length > 1 ? `${counted(this.#viewings.length, 'viewing')}, ` : '';
    const extent = `${viewings}${counted(confirmedEpochs, 'epoch')}, ${counted(openedChunks, 'chunk')}`;
    return `${program}: ${cost}${asFarAsKnown} (${extent})`;
  }

  /** For machines. Amounts are decimal strings. `final`: as the server told at the end, and as the bill says. */
  get usage() {
    const { name, tariff } = this.#program;
    const sum = (figure: (past: Past) => number) => this.#past.reduce((total, past) => total + figure(past), 0);
    const billableMs = sum((past) => past.billableMs);
    const { billableSeconds, amount } = runningCharge(billableMs, tariff);
    return {
      program: name,
      viewing: this.#viewings.at(-1) ?? null,
      viewings: this.#viewings,
      broadcast: this.#broadcast ?? null,
      endedBy: this.#end?.by === 'server' ? this.#end.reason : (this.#end?.error.code ?? null),
      final: this.#end?.by === 'server' && this.#end.final && this.#past.length === 1,
      billableMs,
      billableSeconds,
      amount,
      currency: tariff.currency,
      pricePerMinute: tariff.pricePerMinute,
      confirmedEpochs: sum(({ statistics }) => statistics.confirmedEpochs),
      openedChunks: sum(({ statistics }) => statistics.openedChunks),
      mediaBytes: sum(({ statistics }) => statistics.mediaBytes),
    };
  }

  #startCounting(): void {
    if (this.#seconds !== undefined) this.#stopping ??= setTimeout(this.#stop, this.#seconds * 1_000);
  }

  #text(client: ViewerClient): string {
    const { title, tariff } = this.#program;
    if (client.waiting !== undefined) return `${printable(title)}  ${waitingText(client.waiting)}`;
    const beforeMs = this.#past.reduce((total, past) => total + past.billableMs, 0);
    const { billableSeconds, amount } = runningCharge(beforeMs + client.billableMs, tariff);
    const { openedChunks, mediaBytes } = client.statistics;
    const parts = [
      printable(title),
      client.state,
      `${billableSeconds} s`,
      `${amount} ${tariff.currency}`,
      ...(this.#epoch === undefined ? [] : [`epoch ${this.#epoch}`]),
      `${this.#kilobitsPerSecond(mediaBytes).toLocaleString('en')} kbit/s`,
      counted(openedChunks, 'chunk'),
    ];
    return parts.join('  ');
  }

  /** Since it was last asked. */
  #kilobitsPerSecond(bytes: number): number {
    const before = this.#measured;
    this.#measured = { atMs: performance.now(), bytes };
    const elapsedMs = this.#measured.atMs - before.atMs;
    return Math.round(((bytes - before.bytes) * 8) / Math.max(1, elapsedMs));
  }
}

/** "waiting: 312 ahead, about 4 s" */
export const waitingText = ({ ahead, expectedMs }: Waiting): string =>
  `waiting: ${ahead.toLocaleString('en')} ahead, about ${Math.max(1, Math.ceil(expectedMs / 1_000)).toLocaleString('en')} s`;
