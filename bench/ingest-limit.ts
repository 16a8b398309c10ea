/** How a relay did with so many broadcasters. */
export interface Attempt {
  readonly broadcasters: number;
  /** Of what they were to send, how much they sent. */
  readonly sentShare: number;
  /** Of one core. */
  readonly mainThreadShare: number;
  /** Of all cores. */
  readonly idleShare: number;
  /** The most by which a broadcaster sent later than it was to. */
  readonly lateMs: number;
  /** By how much the most that waits unsent for one broadcaster grew. */
  readonly backlogGrowthBytes: number;
  readonly delayP50Ms: number;
}

export type Verdict =
  | 'has room'
  /** Its main thread has no more time. */
  | 'full'
  /** It does not keep up, though there is time. */
  | 'falls behind'
  /** Somebody does not keep up, and the machine has no more time: of the relay that says nothing. */
  | 'machine full';

export interface Limit {
  /** As many as the relay took, or would take by what one of them costs. */
  readonly broadcasters: number;
  readonly by: 'measurement' | 'estimate';
}

const FULL_SHARE = 0.9;
const MACHINE_FULL_IDLE_SHARE = 0.05;
const LATE_MS = 500;
const DELAYED_MS = 1_000;
const BACKLOG_BYTES = 256 << 10;
const SENT_SHARE = 0.95;
/** Between what it took and what it did not. */
const TOLERANCE = 0.1;

export function verdictOn(attempt: Attempt): Verdict {
  const { mainThreadShare, idleShare, lateMs, sentShare, backlogGrowthBytes, delayP50Ms } = attempt;
  if (mainThreadShare >= FULL_SHARE) return 'full';
  const unread = backlogGrowthBytes > BACKLOG_BYTES || delayP50Ms > DELAYED_MS;
  const unsent = lateMs > LATE_MS || sentShare < SENT_SHARE;
  if (!unread && !unsent) return 'has room';
  return unsent || idleShare < MACHINE_FULL_IDLE_SHARE ? 'machine full' : 'falls behind';
}

/**
 * Twice as many again and again until the relay has no more room, then between what it took and what it did not. Where the machine or
 * `most` is too small for that, the limit is estimated by what one broadcaster costs where they were most; since that falls with their
 * number, it is rather too low.
 *
 * @param attempt tries so many; gives nothing where they could not even begin
 * @returns nothing where those that were tried first could not begin
 */
export async function limitOf(
  attempt: (broadcasters: number) => Promise<Attempt | undefined>,
  { from, most }: { readonly from: number; readonly most: number },
): Promise<Limit | undefined> {
  let roomy: Attempt | undefined;
  let tooMany: number | undefined;
  for (let next: number | undefined = from; next !== undefined; next = nextOf(roomy, tooMany, most)) {
    const tried = await attempt(next);
    const verdict = tried === undefined ? 'machine full' : verdictOn(tried);
    if (verdict === 'machine full') return estimateBy(roomy ?? tried);
    if (verdict === 'has room') roomy = tried;
    else tooMany = next;
  }
  if (tooMany !== undefined) return { broadcasters: roomy?.broadcasters ?? 0, by: 'measurement' };
  return estimateBy(roomy);
}

function nextOf(roomy: Attempt | undefined, tooMany: number | undefined, most: number): number | undefined {
  const taken = roomy?.broadcasters ?? 0;
  if (tooMany === undefined) return 2 * taken <= most ? 2 * taken : undefined;
  const next = Math.floor((taken + tooMany) / 2);
  return tooMany - taken <= Math.max(1, TOLERANCE * tooMany) ? undefined : next;
}

function estimateBy(attempt: Attempt | undefined): Limit | undefined {
  if (attempt === undefined) return undefined;
  const { broadcasters, sentShare, mainThreadShare } = attempt;
  return { broadcasters: Math.floor((broadcasters * sentShare) / mainThreadShare), by: 'estimate' };
}
