import type { Tariff } from '../src/billing/tariff.ts';
import type { Entry } from '../src/ledger/entry.ts';
import type { EndReason } from '../src/viewing/end-reason.ts';
import type { Random } from '../test/sim/random.ts';

/** An entry and when it is made. */
export type Happening = readonly [atMs: number, entry: Entry];

/** As the relay has them unless its configuration says otherwise. */
const PERIOD_MS = 10_000;
const UPDATES_MS = 5_000;
const SPREAD_MS = 3_000;
const RESERVE_MS = 1_000;
const SERVED_REPORT_MS = 2_000;
/** How many times as long as its mean viewing a broadcast is. */
const BROADCAST_LENGTH = 14;
/** Of a hundred spans of served time, how many have a gap: a slow viewer lost chunks. */
const GAPS_PER_CENT = 1;
const GAP_MS = 1_200;

interface Watched {
  readonly viewing: string;
  readonly viewer: string;
  readonly firstEpoch: number;
  readonly lastEpoch: number;
  readonly startedMs: number;
  readonly endedMs: number;
  readonly reason: EndReason;
  /** Where in the spread of updates it is: 0 up to 1. */
  readonly place: number;
}

interface Broadcast {
  readonly program: string;
  readonly broadcast: string;
  readonly tariff: Tariff;
  /** In the order of their starts. */
  readonly viewings: Watched[];
  /** Those of the window, and of the ones before, that have not ended. */
  watching: Watched[];
}

/** An evening of several programs at once, on the time of one boot, as the entries that a relay would have made of it. */
export class Evening {
  receipts = 0;
  readonly #random: Random;
  readonly #epochs: number;
  readonly #firstEpoch: number;
  readonly #broadcasts: readonly Broadcast[];
  /** What signatures look like; nobody checks them again. */
  readonly #noise: string;

  /** @param index how many evenings came before, as long as this one: epochs are numbered on */
  constructor(
    index: number,
    programs: Readonly<Record<string, Tariff>>,
    size: { readonly viewings: number; readonly receipts: number },
    random: Random,
  ) {
    this.#random = random;
    this.#noise = Array.from({ length: 4_096 }, () => NOISE[random.between(0, NOISE.length - 1)]).join('');
    const meanEpochs = Math.round(size.receipts / size.viewings);
    this.#epochs = meanEpochs * BROADCAST_LENGTH;
    this.#firstEpoch = index * this.#epochs + 1;
    const names = Object.entries(programs);
    this.#broadcasts = names.map(([program, tariff]) => ({
      program,
      broadcast: this.#id(),
      tariff,
      viewings: this.#viewings(Math.round(size.viewings / names.length), meanEpochs),
      watching: [],
    }));
  }

  /** What happened in each period, in order. */
  *windows(): Generator<readonly Happening[]> {
    for (let window = 0; window < this.#epochs; window++) {
      const happenings = this.#broadcasts.flatMap((broadcast) => [...this.#window(broadcast, window)]);
      for (let ms = 0; ms < PERIOD_MS; ms += 1_000) happenings.push([window * PERIOD_MS + ms, { kind: 'life' }]);
      yield happenings.sort(([a], [b]) => a - b);
    }
    const endMs = this.#epochs * PERIOD_MS;
    yield this.#broadcasts.map(({ program, broadcast }) => [
      endMs,
      { kind: 'broadcast-ended', program, broadcast, atMs: endMs, reason: 'unpublished' },
    ]);
  }

  *#window(of: Broadcast, window: number): Generator<Happening> {
    const { program, broadcast, viewings } = of;
    const run = { program, broadcast };
    const fromMs = window * PERIOD_MS;
    const reserved = (epoch: number): Entry => ({ kind: 'epoch-reserved', ...run, epoch: this.#firstEpoch + epoch });
    if (window === 0) {
      yield [0, { kind: 'broadcast-started', ...run }];
      yield [0, reserved(0)];
    }
    const beganMs = fromMs + this.#random.between(0, 400);
    yield [beganMs, { kind: 'epoch-begun', ...run, epoch: this.#firstEpoch + window, atMs: beganMs }];
    if (window + 1 < this.#epochs) yield [fromMs + UPDATES_MS - RESERVE_MS, reserved(window + 1)];

    while ((viewings.at(-1)?.firstEpoch ?? Number.POSITIVE_INFINITY) <= window) {
      const viewing = viewings.pop();
      if (viewing === undefined) break;
      of.watching.push(viewing);
      yield* this.#joining(of, viewing);
    }
    for (const viewing of of.watching) yield* this.#updated(viewing, window);
    for (let ms = SERVED_REPORT_MS; ms <= PERIOD_MS; ms += SERVED_REPORT_MS) {
      const toMs = fromMs + ms;
      const spans = of.watching.flatMap((viewing) => this.#served(viewing, toMs - SERVED_REPORT_MS, toMs));
      if (spans.length > 0) yield [toMs, { kind: 'served', program, epoch: this.#firstEpoch + window, spans }];
    }
    of.watching = of.watching.filter(({ lastEpoch }) => lastEpoch > window);
  }

  *#joining(
    { program, broadcast, tariff }: Broadcast,
    { viewing, viewer, firstEpoch, startedMs }: Watched,
  ): Generator<Happening> {
    const askedMs = startedMs - 40;
    const token = this.#id();
    const watch = this.#jws('tollcast-watch+jws', { program, tariff, tokenHash: this.#some(43), challenge: this.#some(43) });
    yield [askedMs, { kind: 'consent', viewing, viewer, program, broadcast, tariff, token, watch }];
    yield [askedMs + 2, { kind: 'key-sent', viewing, epoch: this.#firstEpoch + firstEpoch }];
    yield [startedMs, this.#receipt(viewing, firstEpoch)];
    yield [startedMs, { kind: 'viewing-started', viewing, atMs: startedMs }];
  }

  /** The update to the epoch after `window`'s, its receipt, and the end. */
  *#updated({ viewing, lastEpoch, endedMs, reason, place }: Watched, window: number): Generator<Happening> {
    const sentMs = window * PERIOD_MS + UPDATES_MS + Math.floor(place * SPREAD_MS);
    const next = window + 1;
    if (next <= lastEpoch || reason === 'unconfirmed')
      yield [sentMs, { kind: 'key-sent', viewing, epoch: this.#firstEpoch + next }];
    if (next <= lastEpoch) yield [sentMs + this.#random.between(20, 300), this.#receipt(viewing, next)];
    if (window === lastEpoch) yield [endedMs, { kind: 'viewing-ended', viewing, reason, atMs: endedMs }];
  }

  #served({ viewing, startedMs, endedMs }: Watched, fromMs: number, toMs: number): [string, number, number][] {
    const from = Math.max(fromMs, startedMs);
    const to = Math.min(toMs, endedMs);
    if (from >= to) return [];
    const gap = this.#random.chance(GAPS_PER_CENT / 100) && to - from > GAP_MS;
    return [[viewing, gap ? from + GAP_MS : from, to]];
  }

  #receipt(viewing: string, epoch: number): Entry {
    this.receipts += 1;
    const of = { viewing, epoch: this.#firstEpoch + epoch, chunks: epoch * 250 };
    return { kind: 'receipt', ...of, receipt: this.#jws('tollcast-receipt+jws', { ...of, proof: this.#some(43) }) };
  }

  /** Latest start first. */
  #viewings(count: number, meanEpochs: number): Watched[] {
    const viewers = Math.ceil(count * 0.8);
    let longer = 0;
    const viewings = Array.from({ length: count }, (_, index): Watched => {
      // Every second one makes up for the one before it, so that the mean is met exactly.
      const epochs = index % 2 === 0 ? this.#random.between(1, 2 * meanEpochs - 1) : meanEpochs - longer;
      longer = epochs - meanEpochs;
      return this.#viewing(`viewer-${this.#random.between(1, viewers)}`, epochs);
    });
    return viewings.sort((a, b) => b.startedMs - a.startedMs);
  }

  #viewing(viewer: string, epochs: number): Watched {
    const random = this.#random;
    const firstEpoch = random.between(0, this.#epochs - epochs);
    const lastEpoch = firstEpoch + epochs - 1;
    const startedMs = firstEpoch * PERIOD_MS + random.between(500, 2_500);
    const lastMs = (lastEpoch + 1) * PERIOD_MS;
    const last = lastEpoch + 1 === this.#epochs;
    const reason: EndReason = last ? 'broadcast-ended' : random.pick(REASONS);
    const endedMs = last || reason === 'unconfirmed' ? lastMs : lastMs - PERIOD_MS + random.between(2_600, UPDATES_MS);
    return { viewing: this.#id(), viewer, firstEpoch, lastEpoch, startedMs, endedMs, reason, place: random.next() };
  }

  #id(): string {
    const hex = Array.from({ length: 8 }, () => this.#random.between(0, 0xffff).toString(16).padStart(4, '0')).join('');
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  }

  #jws(typ: string, statement: object): string {
    const [header, payload] = [{ alg: 'ES256', typ }, statement].map((part) =>
      Buffer.from(JSON.stringify(part)).toString('base64url'),
    );
    return `${header}.${payload}.${this.#some(86)}`;
  }

  #some(chars: number): string {
    const at = this.#random.between(0, this.#noise.length - chars);
    return this.#noise.slice(at, at + chars);
  }
}

const NOISE = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const REASONS: readonly EndReason[] = ['stopped', 'stopped', 'stopped', 'stopped', 'disconnected', 'unconfirmed', 'superseded'];
