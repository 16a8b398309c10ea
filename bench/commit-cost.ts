import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { PATIENCE_MS } from '../src/authority/patience.ts';
import { systemClock } from '../src/clock.ts';
import type { Entry } from '../src/ledger/entry.ts';
import type { Ledger } from '../src/ledger/ledger.ts';
import { openLedger } from '../src/ledger/sqlite-ledger.ts';
import { cpuMicros } from './table.ts';

/** Viewings that were consented to: what a receipt is projected onto lies where theirs lie. */
const VIEWINGS = 10_000;
const ANSWER_MS = 5;
const TARIFF = { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 1 };

/** CPU µs that it costs to record an update, a key that was sent and its receipt: of updates that come together in groups. */
export const groupedCommitCost = (forMs: number, jws: string, group: number): Promise<number> =>
  withLedger(async (ledger, viewings) => {
    const next = updates(viewings, jws);
    const together = () => Array.from({ length: group }, () => next().map((entry) => ledger.append(entry)));
    return (await cpuMicros(forMs, () => Promise.all(together().flat()))) / group;
  });

/** The same of updates that come one by one, as they do to a relay, each with the answer a moment later; less what the pacing costs. */
export const pacedCommitCost = (forMs: number, jws: string, perSecond: number): Promise<number> =>
  withLedger(async (ledger, viewings) => {
    const next = updates(viewings, jws);
    const ledgered: Append = (...given) => ledger.append(...given);
    await paced(forMs / 4, perSecond, next, ledgered);
    const all = await paced(forMs, perSecond, next, ledgered);
    return all - (await paced(forMs, perSecond, next, () => Promise.resolve()));
  });

type Append = (entry: Entry, patienceMs: number) => Promise<unknown>;

/** @returns CPU µs of this process for each update */
async function paced(forMs: number, perSecond: number, next: () => readonly [Entry, Entry], append: Append): Promise<number> {
  const before = process.cpuUsage();
  const startMs = performance.now();
  const last: Promise<unknown>[] = [];
  let done = 0;
  for (let passedMs = 0; passedMs < forMs; passedMs = performance.now() - startMs) {
    for (; done < (passedMs * perSecond) / 1_000; done++) {
      const [sent, receipt] = next();
      void append(sent, PATIENCE_MS);
      setTimeout(() => last.push(append(receipt, PATIENCE_MS)), ANSWER_MS);
    }
    await pause(1);
  }
  await pause(2 * ANSWER_MS);
  await Promise.all(last);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / done;
}

/** One update after the other of all viewings, and then of the next epoch. */
function updates(viewings: readonly string[], jws: string): () => readonly [Entry, Entry] {
  let update = 0;
  return () => {
    const [viewing, epoch] = [viewings[update % viewings.length] ?? '', Math.floor(update / viewings.length) + 1];
    update++;
    return [
      { kind: 'key-sent', viewing, epoch },
      { kind: 'receipt', viewing, epoch, chunks: 250, receipt: jws },
    ];
  };
}

async function withLedger(measure: (ledger: Ledger, viewings: readonly string[]) => Promise<number>): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'tollcast-bench-'));
  const ledger = await openLedger({ file: join(folder, 'ledger.db'), clock: systemClock(), log: pino({ level: 'silent' }) });
  const [program, broadcast] = ['news', 'b1'];
  await ledger.append({ kind: 'broadcast-started', program, broadcast });
  const viewings = Array.from({ length: VIEWINGS }, () => crypto.randomUUID());
  await Promise.all(
    viewings.map((viewing) =>
      ledger.append({ kind: 'consent', viewing, viewer: viewing, program, broadcast, tariff: TARIFF, token: viewing, watch: '' }),
    ),
  );
  const cost = await measure(ledger, viewings);
  await ledger.close();
  rmSync(folder, { recursive: true });
  return cost;
}
