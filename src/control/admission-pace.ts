/**
 * How many viewings may begin, so that those which have begun keep their keys and their picture first. Pure: measurements and clock
 * are handed in (DESIGN.md, section 4).
 *
 * Two bounds, for beginning a viewing costs twice. At once it is signatures and key agreement, which wait in one line with everybody's
 * receipts: of that no more than `mostUnderWay` is under way. Then come its first receipt, its media socket and its catch-up: so newcomers
 * are let in at a rate, which falls by a part while the process is late and rises by steps while it is not and somebody waits (AIMD, as
 * TCP does it, RFC 5681). Who resumes has begun already: it waits for the first bound only.
 */
export interface PaceRules {
  /** From one measurement to the next, if the process is not late. */
  readonly everyMs: number;
  /** Admissions that are being worked on. */
  readonly mostUnderWay: number;
  /** Newcomers a second: before anything is known, at least, at most. */
  readonly firstPerSecond: number;
  readonly leastPerSecond: number;
  readonly mostPerSecond: number;
  /** Newcomers a second that are added with a good measurement. */
  readonly raisePerSecond: number;
  /** What is left of the rate after a bad one. */
  readonly fallTo: number;
  /** Turns that were not used are kept for so long: who comes alone never waits for the rate. */
  readonly keptMs: number;
  /** A timer that fires later than this shows a process that cannot keep up: pictures are held back no longer when all is well. */
  readonly lateMs: number;
  /** So does a ledger with more entries that are not durable. */
  readonly ledgerWaiting: number;
}

export const PACE: PaceRules = {
  everyMs: 50,
  mostUnderWay: 8,
  firstPerSecond: 200,
  leastPerSecond: 10,
  mostPerSecond: 2_000,
  raisePerSecond: 10,
  fallTo: 0.8,
  keptMs: 100,
  lateMs: 100,
  ledgerWaiting: 2_000,
};

export type Comer = 'newcomer' | 'established';

export interface Pace {
  /** Newcomers a second. */
  readonly perSecond: number;
  /** Newcomers that may begin at `atMs`, in fractions. */
  readonly turns: number;
  readonly atMs: number;
  readonly underWay: number;
  /** Newcomers whose turn began since the last measurement: how fast the line moves. */
  readonly begun: number;
  /** And those who were let in: who is refused uses nothing up, and shows nothing. */
  readonly letIn: number;
  readonly measuredMs: number;
  /** Newcomers that begin a second while others wait, as far as was seen. */
  readonly seenPerSecond: number;
}

export type PaceEvent =
  | { readonly type: 'began'; readonly comer: Comer }
  /** `refused`: it costs nothing further, so that its turn is another's. */
  | { readonly type: 'over'; readonly comer: Comer; readonly refused: boolean }
  /** `waiting`: newcomers that wait. */
  | { readonly type: 'measured'; readonly lateMs: number; readonly ledgerWaiting: number; readonly waiting: number };

/** Timers are not exact: a rate of which so much was used was used up, but for the fraction of a turn that is left. */
const USED_UP = 0.9;
/** Over how long the rate that is seen is averaged. */
const SEEN_OVER_MS = 2_000;

export const firstPace = (nowMs: number, rules: PaceRules = PACE): Pace => ({
  perSecond: rules.firstPerSecond,
  turns: mostTurns(rules.firstPerSecond, rules),
  atMs: nowMs,
  underWay: 0,
  begun: 0,
  letIn: 0,
  measuredMs: nowMs,
  seenPerSecond: rules.firstPerSecond,
});

export function stepPace(before: Pace, event: PaceEvent, nowMs: number, rules: PaceRules = PACE): Pace {
  const pace = refilled(before, nowMs, rules);
  switch (event.type) {
    case 'began': {
      const underWay = pace.underWay + 1;
      if (event.comer === 'established') return { ...pace, underWay };
      return { ...pace, underWay, turns: pace.turns - 1, begun: pace.begun + 1 };
    }
    case 'over': {
      const underWay = Math.max(0, pace.underWay - 1);
      if (event.comer === 'established') return { ...pace, underWay };
      if (!event.refused) return { ...pace, underWay, letIn: pace.letIn + 1 };
      return { ...pace, underWay, turns: Math.min(mostTurns(pace.perSecond, rules), pace.turns + 1) };
    }
    case 'measured':
      return measured(pace, event, nowMs, rules);
  }
}

/** Whether one more may begin now. */
export function mayBegin(pace: Pace, comer: Comer, nowMs: number, rules: PaceRules = PACE): boolean {
  return pace.underWay < rules.mostUnderWay && (comer === 'established' || refilled(pace, nowMs, rules).turns >= 1);
}

/** How long a newcomer waits with so many before it, as things stand. */
export const expectedMs = ({ seenPerSecond }: Pace, ahead: number): number => Math.ceil(((ahead + 1) * 1_000) / seenPerSecond);

function measured(pace: Pace, event: Extract<PaceEvent, { type: 'measured' }>, nowMs: number, rules: PaceRules): Pace {
  const isLate = event.lateMs > rules.lateMs || event.ledgerWaiting > rules.ledgerWaiting;
  const perSecond = isLate ? fallen(pace, event.lateMs, rules) : risen(pace, event.waiting, rules);
  return {
    ...pace,
    perSecond,
    turns: Math.min(pace.turns, mostTurns(perSecond, rules)),
    begun: 0,
    letIn: 0,
    measuredMs: nowMs,
    seenPerSecond: seen(pace, event.waiting, perSecond, nowMs, rules),
  };
}

/** A measurement that is late stands for all those that it kept from being made. */
const fallen = ({ perSecond }: Pace, lateMs: number, rules: PaceRules): number => {
  const missed = Math.floor(Math.max(0, lateMs - rules.lateMs) / rules.everyMs);
  return Math.max(rules.leastPerSecond, perSecond * rules.fallTo ** (1 + missed));
};

/** Where nobody waits for the rate, or it was not used up, a higher one would be a guess: it only recovers what it lost. */
function risen({ perSecond, letIn }: Pace, waiting: number, rules: PaceRules): number {
  const granted = (perSecond * rules.everyMs) / 1_000;
  const isUsedUp = letIn + 1 > granted * USED_UP;
  const most = waiting > 0 && isUsedUp ? rules.mostPerSecond : Math.max(perSecond, rules.firstPerSecond);
  return Math.min(most, perSecond + rules.raisePerSecond);
}

/** While nobody waits, what comes shows nothing of what could. */
function seen(pace: Pace, waiting: number, perSecond: number, nowMs: number, rules: PaceRules): number {
  const forMs = nowMs - pace.measuredMs;
  if (waiting === 0 || forMs <= 0) return perSecond;
  const part = Math.min(1, forMs / SEEN_OVER_MS);
  const average = pace.seenPerSecond * (1 - part) + ((pace.begun * 1_000) / forMs) * part;
  return Math.min(perSecond, Math.max(rules.leastPerSecond / 2, average));
}

function refilled(pace: Pace, nowMs: number, rules: PaceRules): Pace {
  const forMs = Math.max(0, nowMs - pace.atMs);
  const turns = Math.min(mostTurns(pace.perSecond, rules), pace.turns + (pace.perSecond * forMs) / 1_000);
  return { ...pace, turns, atMs: Math.max(pace.atMs, nowMs) };
}

const mostTurns = (perSecond: number, { keptMs }: PaceRules): number => Math.max(1, (perSecond * keptMs) / 1_000);
