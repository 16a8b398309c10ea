import type { Clock, Timers } from '../clock.ts';
import {
  newSchedule,
  type Schedule,
  type ScheduleCommand,
  type ScheduleEvent,
  type ScheduleRules,
  stepSchedule,
  wakeMs,
} from './schedule.ts';

/** Runs a key schedule on a clock: feeds it events, wakes it in time, hands on what it commands. */
export class ScheduleRunner {
  readonly #rules: ScheduleRules;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #carryOut: (command: ScheduleCommand) => void;
  #state: Schedule;
  #cancel: (() => void) | undefined;

  constructor(
    lastEpoch: number,
    rules: ScheduleRules,
    clock: Clock,
    timers: Timers,
    carryOut: (command: ScheduleCommand) => void,
  ) {
    this.#state = newSchedule(lastEpoch);
    this.#rules = rules;
    this.#clock = clock;
    this.#timers = timers;
    this.#carryOut = carryOut;
  }

  get state(): Schedule {
    return this.#state;
  }

  dispatch(event: ScheduleEvent): void {
    const nowMs = this.#clock.nowMs();
    const [state, commands] = stepSchedule(this.#state, event, nowMs, this.#rules);
    this.#state = state;
    this.#cancel?.();
    const dueMs = wakeMs(state, this.#rules);
    this.#cancel =
      dueMs === undefined ? undefined : this.#timers.after(Math.max(0, dueMs - nowMs), () => this.dispatch({ type: 'woke' }));
    for (const command of commands) this.#carryOut(command);
  }
}
