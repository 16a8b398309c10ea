import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  type KeyRules,
  newSchedule,
  type Schedule,
  type ScheduleCommand,
  type ScheduleEvent,
  scheduleFault,
  stepSchedule,
  wakeMs,
} from '../../src/keys/schedule.ts';

const RULES: KeyRules = {
  periodMs: 10_000,
  leadMs: 2_000,
  spreadMs: 3_000,
  graceMs: 2_000,
  reserveMs: 500,
  minAnswerMs: 2_000,
};

/** Feeds events at their times; gives the commands of each. */
function run(
  events: readonly [atMs: number, event: ScheduleEvent][],
  schedule = newSchedule(0),
): { schedule: Schedule; commands: ScheduleCommand[][] } {
  const commands: ScheduleCommand[][] = [];
  for (const [atMs, event] of events) {
    const [next, made] = stepSchedule(schedule, event, atMs, RULES);
    schedule = next;
    commands.push([...made]);
  }
  return { schedule, commands };
}

const STARTED: [number, ScheduleEvent][] = [
  [0, { type: 'started' }],
  [5, { type: 'reserved', epoch: 1 }],
  [40, { type: 'began', epoch: 1, atMs: 40 }],
];

describe('the key schedule', () => {
  test('reserves the first epoch, and offers it once its number is durable', () => {
    const { commands } = run(STARTED);
    expect(commands[0]).toEqual([{ type: 'reserve', epoch: 1 }]);
    expect(commands[1]).toEqual([
      { type: 'offer', epoch: 1, notBeforeMs: 5, notAfterMs: 2_005 },
      { type: 'send-updates', epoch: 1, fromMs: 5, spreadMs: 0, startsMs: 5 },
    ]);
  });

  test('reserves, offers and hands out the next epoch ahead of its start, counted from when the current one truly began', () => {
    const { schedule } = run(STARTED);
    expect(wakeMs(schedule, RULES)).toBe(40 + 10_000 - 2_000 - 3_000 - 500);
    const [reserving, reserve] = stepSchedule(schedule, { type: 'woke' }, 4_540, RULES);
    expect(reserve).toEqual([{ type: 'reserve', epoch: 2 }]);
    expect(wakeMs(reserving, RULES)).toBeUndefined();
    const [reserved, offer] = stepSchedule(reserving, { type: 'reserved', epoch: 2 }, 4_544, RULES);
    expect(offer).toEqual([{ type: 'offer', epoch: 2, notBeforeMs: 10_040, notAfterMs: 12_040 }]);
    expect(wakeMs(reserved, RULES)).toBe(5_040);
    const [updating, updates] = stepSchedule(reserved, { type: 'woke' }, 5_040, RULES);
    expect(updates).toEqual([{ type: 'send-updates', epoch: 2, fromMs: 5_040, spreadMs: 3_000, startsMs: 10_040 }]);
    expect(wakeMs(updating, RULES)).toBeUndefined();
  });

  test('a ledger that is slow to reserve moves the start, not the time that viewers have to answer', () => {
    const { schedule } = run([...STARTED, [4_540, { type: 'woke' }]]);
    const [, offer] = stepSchedule(schedule, { type: 'reserved', epoch: 2 }, 9_000, RULES);
    expect(offer).toEqual([{ type: 'offer', epoch: 2, notBeforeMs: 14_000, notAfterMs: 16_000 }]);
  });

  test('while the broadcaster is away nothing is due, and its return begins the epoch that was being handed out', () => {
    const away = run([...STARTED, [4_540, { type: 'woke' }], [4_545, { type: 'reserved', epoch: 2 }], [5_000, { type: 'away' }]]);
    expect(wakeMs(away.schedule, RULES)).toBeUndefined();
    const [, back] = stepSchedule(away.schedule, { type: 'back' }, 60_000, RULES);
    expect(back).toEqual([
      { type: 'offer', epoch: 2, notBeforeMs: 60_000, notAfterMs: 62_000 },
      { type: 'send-updates', epoch: 2, fromMs: 60_000, spreadMs: 0, startsMs: 60_000 },
    ]);
  });

  test('word that an epoch has begun that comes after word that no media comes does not bring the broadcaster back', () => {
    const { schedule } = run([
      ...STARTED,
      [4_540, { type: 'woke' }],
      [4_545, { type: 'reserved', epoch: 2 }],
      [10_050, { type: 'away' }],
      [10_060, { type: 'began', epoch: 2, atMs: 10_045 }],
    ]);
    expect(schedule).toEqual({ phase: 'away', lastEpoch: 2, current: { epoch: 2, beganMs: 10_045 } });
    expect(wakeMs(schedule, RULES)).toBeUndefined();
    const [back, reserve] = stepSchedule(schedule, { type: 'back' }, 60_000, RULES);
    expect([back.phase, reserve]).toEqual(['starting', [{ type: 'reserve', epoch: 3 }]]);
  });

  test('a return with nothing reserved reserves a new epoch', () => {
    const { commands } = run([...STARTED, [1_000, { type: 'away' }], [2_000, { type: 'back' }]]);
    expect(commands.at(-1)).toEqual([{ type: 'reserve', epoch: 2 }]);
  });

  test('another encryptor process gets a number that was never handed out, at once', () => {
    const offered = run([...STARTED, [4_540, { type: 'woke' }], [4_545, { type: 'reserved', epoch: 2 }]]);
    const [replaced, reserve] = stepSchedule(offered.schedule, { type: 'replaced' }, 6_000, RULES);
    expect(reserve).toEqual([{ type: 'reserve', epoch: 3 }]);
    expect(wakeMs(replaced, RULES)).toBeUndefined();
    const [, begin] = stepSchedule(replaced, { type: 'reserved', epoch: 3 }, 6_004, RULES);
    expect(begin).toEqual([
      { type: 'offer', epoch: 3, notBeforeMs: 6_004, notAfterMs: 8_004 },
      { type: 'send-updates', epoch: 3, fromMs: 6_004, spreadMs: 0, startsMs: 6_004 },
    ]);
  });

  test('a number that becomes durable only after another process took over is not used', () => {
    const pending = run([...STARTED, [4_540, { type: 'woke' }]]);
    const [replaced] = stepSchedule(pending.schedule, { type: 'replaced' }, 4_541, RULES);
    expect(stepSchedule(replaced, { type: 'reserved', epoch: 2 }, 4_545, RULES)).toEqual([replaced, []]);
  });

  test('rules that do not fit into the period are named', () => {
    expect(scheduleFault(RULES)).toBeUndefined();
    expect(scheduleFault({ ...RULES, graceMs: 5_000 })).toMatch('lead + spread + grace = 10000 ms');
    expect(scheduleFault({ ...RULES, minAnswerMs: 9_999 })).toBeUndefined();
    expect(scheduleFault({ ...RULES, minAnswerMs: 10_000 })).toMatch(
      'minAnswerMs = 10000 ms must be less than the period of 10000 ms',
    );
  });

  test('no epoch number is ever reserved twice, none is offered before it is durable, and none to two encryptor processes', () => {
    const event = fc.constantFrom<ScheduleEvent['type']>('reserved', 'began', 'woke', 'away', 'back', 'replaced');
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(4_000), event), { maxLength: 80 }), (steps) => {
        let [schedule, pending] = stepSchedule(newSchedule(7), { type: 'started' }, 0, RULES);
        let nowMs = 0;
        const reserved: number[] = [];
        const durable = new Set<number>();
        let process = 0;
        const offeredTo = new Map<number, number>();
        const take = (commands: readonly ScheduleCommand[]) => {
          for (const command of commands) {
            if (command.type === 'reserve') reserved.push(command.epoch);
            else expect(durable.has(command.epoch)).toBe(true);
            if (command.type !== 'offer') continue;
            expect(offeredTo.get(command.epoch) ?? process).toBe(process);
            offeredTo.set(command.epoch, process);
          }
        };
        take(pending);
        for (const [waitMs, type] of steps) {
          nowMs += waitMs;
          const next = schedule.next;
          if ((type === 'reserved' || type === 'began') && next === undefined) continue;
          if (type === 'began' && !next?.reserved) continue;
          if (type === 'replaced') process++;
          if (type === 'reserved') durable.add(next?.epoch ?? 0);
          const made: ScheduleEvent =
            type === 'reserved'
              ? { type, epoch: next?.epoch ?? 0 }
              : type === 'began'
                ? { type, epoch: next?.epoch ?? 0, atMs: nowMs }
                : { type };
          [schedule, pending] = stepSchedule(schedule, made, nowMs, RULES);
          take(pending);
        }
        expect(new Set(reserved).size).toBe(reserved.length);
        expect(reserved[0]).toBe(8);
      }),
    );
  });
});
