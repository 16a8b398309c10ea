import { runningCharge } from '../../src/billing/charge.ts';
import { billableMs } from '../../src/billing/metering.ts';
import { openReader } from '../../src/ledger/reader.ts';
import type { Oracle, Told } from './oracle.ts';
import type { Seams } from './seams.ts';
import type { SimViewer } from './viewer.ts';

export interface AuditPorts {
  readonly file: string;
  readonly oracle: Oracle;
  readonly seams: Seams;
  readonly viewers: readonly SimViewer[];
  /** What viewers were told at the end of their viewings. */
  readonly told: ReadonlyMap<string, Told>;
}

/** Holds what a ledger makes of all viewings against what was true of them. @returns the time billed, in all */
export function auditRecords({ file, oracle, seams, viewers, told }: AuditPorts): number {
  const reader = openReader(file);
  const spentMinor = new Map<string, bigint>();
  let totalMs = 0;
  try {
    for (const record of reader.viewings()) {
      const billedMs = seams.billed(billableMs(record), record);
      totalMs += billedMs;
      const viewer = viewers.find(({ name }) => name === record.viewer);
      if (viewer?.token.cap !== undefined) oracle.gaveAway(record.viewing, 'capped');
      oracle.checkRecord(record, billedMs);
      const atItsEnd = told.get(record.viewing);
      if (atItsEnd !== undefined && record.endedMs !== undefined) oracle.checkTold(record.viewing, atItsEnd, billedMs);
      const costMinor = runningCharge(billedMs, record.tariff).amountMinor;
      spentMinor.set(record.token, (spentMinor.get(record.token) ?? 0n) + costMinor);
    }
  } finally {
    reader.close();
  }
  for (const { token } of viewers) {
    const spent = spentMinor.get(token.id) ?? 0n;
    if (token.cap !== undefined && spent > BigInt(Math.round(Number(token.cap) * 100)))
      oracle.fail(5, `${token.id} is capped at ${token.cap}, and owes ${spent} cents`);
  }
  return totalMs;
}

/** What a ledger bills, in words that can be compared. */
export function statementsOf(file: string, seams: Seams): string {
  const reader = openReader(file);
  try {
    return [...reader.viewings()]
      .map((record) => `${record.viewing} ${record.endedBy} ${seams.billed(billableMs(record), record)}`)
      .join('\n');
  } finally {
    reader.close();
  }
}
