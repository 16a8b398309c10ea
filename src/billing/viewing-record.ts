import type { EndReason } from '../viewing/end-reason.ts';
import type { Tariff } from './tariff.ts';

export interface SpanMs {
  readonly fromMs: number;
  readonly toMs: number;
}

/** One viewing with all that metering needs. Times are monotonic milliseconds of the viewing's boot; add `wallAnchorMs` for wall time. */
export interface ViewingRecord {
  readonly viewing: string;
  readonly viewer: string;
  readonly program: string;
  readonly broadcast: string;
  readonly tariff: Tariff;
  /** `jti` of the token it was opened with. */
  readonly token: string;
  readonly wallAnchorMs: number;
  readonly consentedMs: number;
  /** Absent while no receipt is durable. */
  readonly startedMs?: number;
  readonly endedMs?: number;
  readonly endedBy?: EndReason;
  /** For each confirmed epoch: from the later of its start and its receipt's commit, to its end (or to the ledger's latest time while it lasts). */
  readonly confirmed: readonly SpanMs[];
  readonly served: readonly SpanMs[];
  readonly receipts: number;
}
