import { runningCharge } from '../billing/charge.ts';
import type { Tariff } from '../billing/tariff.ts';
import type { Admission } from '../viewer/admission.ts';
import type { ViewingEnd } from '../viewer/end.ts';
import type { ViewerObserver } from '../viewer/options.ts';
import type { ViewerClient } from '../viewer/viewer-client.ts';
import { ProgressLine } from './progress-line.ts';
import { counted, printable } from './text.ts';

const DRAW_MS = 500;

interface Watched {
  readonly program: string;
  readonly title: string;
  readonly tariff: Tariff;
}

/** What there is to say about a viewing while it lasts, and when it is over. */
export class ViewStatus {
  readonly #watched: Watched;
  readonly #line = new ProgressLine();
  #admission: Pick<Admission, 'viewing' | 'broadcast'> | undefined;
  #epoch: number | undefined;
  #client: ViewerClient | undefined;
  #seconds: number | undefined;
  #drawing: NodeJS.Timeout | undefined;
  #stopping: NodeJS.Timeout | undefined;
  #measured = { atMs: performance.now(), bytes: 0 };

  constructor(watched: Watched) {
    this.#watched = watched;
  }

  readonly observer: ViewerObserver = {
    admitted: ({ viewing, broadcast }) => {
      this.#admission = { viewing, broadcast };
    },
    confirmed: (epoch) => {
      this.#epoch = epoch;
      this.#startCounting();
    },
  };

  /** @param seconds stops the viewing so long after it started: its first confirmed receipt */
  begin(client: ViewerClient, seconds: number | undefined): void {
    this.#client = client;
    this.#seconds = seconds;
    this.#drawing = setInterval(() => this.#line.show(() => this.#text(client)), DRAW_MS);
  }

  end(): void {
    clearInterval(this.#drawing);
    clearTimeout(this.#stopping);
    this.#line.clear();
  }

  /** Whether there is anything to sum up: one who was refused has consented to nothing. */
  get wasAdmitted(): boolean {
    return this.#admission !== undefined;
  }

  /** For people, in one line. */
  summary(end: ViewingEnd): string {
    const { program } = this.#watched;
    const { billableSeconds, amount, currency, confirmedEpochs, openedChunks } = this.usage(end);
    const cost = `${counted(billableSeconds, 'second')}, ${amount} ${currency}`;
    const asFarAsKnown = end.by === 'server' ? '' : ' by the last figure the server gave';
    return `${program}: ${cost}${asFarAsKnown} (${counted(confirmedEpochs, 'epoch')}, ${counted(openedChunks, 'chunk')})`;
  }

  /** For machines. Amounts are decimal strings. */
  usage(end: ViewingEnd) {
    const { program, tariff } = this.#watched;
    const none = { billableMs: 0, ...runningCharge(0, tariff) };
    const { billableMs, billableSeconds, amount } = end.usage ?? none;
    const { confirmedEpochs = 0, openedChunks = 0, mediaBytes = 0 } = this.#client?.statistics ?? {};
    return {
      program,
      viewing: this.#admission?.viewing ?? null,
      broadcast: this.#admission?.broadcast ?? null,
      endedBy: end.by === 'server' ? end.reason : end.error.code,
      final: end.by === 'server',
      billableMs,
      billableSeconds,
      amount,
      currency: tariff.currency,
      pricePerMinute: tariff.pricePerMinute,
      confirmedEpochs,
      openedChunks,
      mediaBytes,
    };
  }

  #startCounting(): void {
    if (this.#seconds === undefined || this.#stopping !== undefined) return;
    this.#stopping = setTimeout(() => void this.#client?.stop(), this.#seconds * 1_000);
  }

  #text(client: ViewerClient): string {
    const { title, tariff } = this.#watched;
    const { billableSeconds, amount } = runningCharge(client.billableMs, tariff);
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
