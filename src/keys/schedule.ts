import { unreachable } from '../errors.ts';

/**
 * When a broadcast's epochs are reserved, handed to the encryptor and handed to viewers (DESIGN.md, section 4, "Chunks and
 * epochs" and "Keys, receipts and the viewing"). A pure state machine: it knows no clock, no timer and no key.
 *
 *        began            reserve     updates go out, spread    lead        planned      grace
 *   ─────┼───────────────────┼───────────┼──────────────────┼───────────┼─────────────┼─────────▶
 *        └────────────────────────────── period ────────────────────────┘
 */
export interface ScheduleRules {
  /** Planned length of an epoch. */
  readonly periodMs: number;
  /** From the last update sent to the planned start: time to answer. */
  readonly leadMs: number;
  /** Over how long the updates of all viewings are spread. */
  readonly spreadMs: number;
  /** How long after its planned time a change waits for a keyframe. */
  readonly graceMs: number;
  /** How long before the first update the epoch's number is reserved: time for the ledger to make it durable. */
  readonly reserveMs: number;
}

export interface KeyRules extends ScheduleRules {
  /** The least time that a viewer has to answer an update. */
  readonly minAnswerMs: number;
}

export interface Schedule {
  readonly phase: 'starting' | 'running' | 'away' | 'ended';
  /** The highest number ever reserved for the program. */
  readonly lastEpoch: number;
  readonly current?: { readonly epoch: number; readonly beganMs: number };
  readonly next?: NextEpoch;
}

interface NextEpoch {
  readonly epoch: number;
  /** Whether its number is durably used up: before that its key goes to nobody. */
  readonly reserved: boolean;
  readonly plannedMs: number;
  /** When its updates begin; absent once they have. */
  readonly updatesMs?: number;
}

export type ScheduleEvent =
  | { readonly type: 'started' }
  | { readonly type: 'reserved'; readonly epoch: number }
  /** The encryptor sealed the first chunk of an epoch. */
  | { readonly type: 'began'; readonly epoch: number; readonly atMs: number }
  | { readonly type: 'woke' }
  | { readonly type: 'away' }
  | { readonly type: 'back' }
  /** Whatever was on offer is void: another encryptor process goes on, or this one ran out of keys. A new epoch begins at once. */
  | { readonly type: 'replaced' }
  | { readonly type: 'ended' };

export type ScheduleCommand =
  /** Make an epoch's number durable and its key, then say `reserved`. */
  | { readonly type: 'reserve'; readonly epoch: number }
  /** Hand an epoch's key to the encryptor: to begin at the first keyframe from `notBeforeMs`, at `notAfterMs` without one. */
  | { readonly type: 'offer'; readonly epoch: number; readonly notBeforeMs: number; readonly notAfterMs: number }
  /** Send an epoch's key to every viewing that has not had it, each at its own place in the spread. */
  | {
      readonly type: 'send-updates';
      readonly epoch: number;
      readonly fromMs: number;
      readonly spreadMs: number;
      readonly startsMs: number;
    };

export const newSchedule = (lastEpoch: number): Schedule => ({ phase: 'starting', lastEpoch });

/** What is wrong with the rules, in words; undefined if they can work. */
export function scheduleFault(rules: KeyRules): string | undefined {
  const { periodMs, minAnswerMs } = rules;
  const needed = rules.leadMs + rules.spreadMs + rules.graceMs;
  if (needed >= periodMs) return `lead + spread + grace = ${needed} ms must be less than the period of ${periodMs} ms`;
  if (minAnswerMs >= periodMs)
    return `minAnswerMs = ${minAnswerMs} ms must be less than the period of ${periodMs} ms: no answer may take longer than an epoch`;
  return undefined;
}

/** When the schedule wants to be woken next. */
export function wakeMs(schedule: Schedule, rules: ScheduleRules): number | undefined {
  if (schedule.phase !== 'running' || schedule.current === undefined) return undefined;
  if (schedule.next === undefined) return reserveAtMs(schedule.current.beganMs, rules);
  return schedule.next.reserved ? schedule.next.updatesMs : undefined;
}

const plannedMs = (beganMs: number, rules: ScheduleRules): number => beganMs + rules.periodMs;
const updatesAtMs = (startMs: number, rules: ScheduleRules): number => startMs - rules.leadMs - rules.spreadMs;
const reserveAtMs = (beganMs: number, rules: ScheduleRules): number =>
  updatesAtMs(plannedMs(beganMs, rules), rules) - rules.reserveMs;

type Step = readonly [Schedule, readonly ScheduleCommand[]];

export function stepSchedule(schedule: Schedule, event: ScheduleEvent, nowMs: number, rules: ScheduleRules): Step {
  if (schedule.phase === 'ended') return [schedule, []];
  switch (event.type) {
    case 'started':
      return reserve(schedule, nowMs);
    case 'reserved':
      return reserved(schedule, event.epoch, nowMs, rules);
    case 'began':
      return [began(schedule, event.epoch, event.atMs), []];
    case 'woke':
      return woke(schedule, nowMs, rules);
    case 'away':
      return [{ ...schedule, phase: 'away' }, []];
    case 'back':
      return back(schedule, nowMs, rules);
    case 'replaced':
      return replaced(schedule, nowMs);
    case 'ended':
      return [{ phase: 'ended', lastEpoch: schedule.lastEpoch }, []];
    default:
      return unreachable(event);
  }
}

function reserve(schedule: Schedule, plannedAtMs: number): Step {
  const epoch = schedule.lastEpoch + 1;
  return [
    { ...schedule, lastEpoch: epoch, next: { epoch, reserved: false, plannedMs: plannedAtMs } },
    [{ type: 'reserve', epoch }],
  ];
}

function reserved(schedule: Schedule, epoch: number, nowMs: number, rules: ScheduleRules): Step {
  const { next } = schedule;
  if (next?.epoch !== epoch || next.reserved) return [schedule, []];
  if (schedule.phase === 'starting') return beginNow({ ...schedule, next: { ...next, reserved: true } }, nowMs, rules);
  if (schedule.phase === 'away') return [{ ...schedule, next: { ...next, reserved: true } }, []];
  // A ledger that was slow to answer moves the start, never the viewers' time to answer.
  const updatesMs = Math.max(nowMs, updatesAtMs(next.plannedMs, rules));
  const startMs = updatesMs + rules.spreadMs + rules.leadMs;
  return [
    { ...schedule, next: { epoch, reserved: true, plannedMs: startMs, updatesMs } },
    [{ type: 'offer', epoch, notBeforeMs: startMs, notAfterMs: startMs + rules.graceMs }],
  ];
}

/** Word of it may come after word that no media comes: nothing is due until the broadcaster is back all the same. */
const began = ({ phase, lastEpoch }: Schedule, epoch: number, beganMs: number): Schedule => ({
  phase: phase === 'away' ? 'away' : 'running',
  lastEpoch,
  current: { epoch, beganMs },
});

function woke(schedule: Schedule, nowMs: number, rules: ScheduleRules): Step {
  const dueMs = wakeMs(schedule, rules);
  if (dueMs === undefined || nowMs < dueMs || schedule.current === undefined) return [schedule, []];
  if (schedule.next === undefined) return reserve(schedule, plannedMs(schedule.current.beganMs, rules));
  const { updatesMs: _, ...next } = schedule.next;
  return [
    { ...schedule, next },
    [{ type: 'send-updates', epoch: next.epoch, fromMs: nowMs, spreadMs: rules.spreadMs, startsMs: next.plannedMs }],
  ];
}

/** The broadcaster's return begins a new epoch: the one that was being handed out when it left, or one reserved now. */
function back(schedule: Schedule, nowMs: number, rules: ScheduleRules): Step {
  if (schedule.phase !== 'away') return [schedule, []];
  const returned: Schedule = { ...schedule, phase: 'starting' };
  if (schedule.next === undefined) return reserve(returned, nowMs);
  return schedule.next.reserved ? beginNow(returned, nowMs, rules) : [returned, []];
}

/** A number that may have been handed out, with its key, is skipped: that key was somebody else's. */
function replaced(schedule: Schedule, nowMs: number): Step {
  const { next: _, ...rest } = schedule;
  return reserve({ ...rest, phase: 'starting' }, nowMs);
}

function beginNow(schedule: Schedule, nowMs: number, rules: ScheduleRules): Step {
  if (schedule.next === undefined) return [schedule, []];
  const { epoch } = schedule.next;
  return [
    { ...schedule, next: { epoch, reserved: true, plannedMs: nowMs } },
    [
      { type: 'offer', epoch, notBeforeMs: nowMs, notAfterMs: nowMs + rules.graceMs },
      { type: 'send-updates', epoch, fromMs: nowMs, spreadMs: 0, startsMs: nowMs },
    ],
  ];
}
