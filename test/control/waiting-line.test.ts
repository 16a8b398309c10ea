import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { WaitingLine } from '../../src/control/waiting-line.ts';

const step = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ does: 'join' as const }) },
  { weight: 1, arbitrary: fc.constant({ does: 'shift' as const }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('leave' as const), at: fc.nat(50) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('tell' as const), most: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.constant({ does: 'begin' as const }) },
);

test('keeps the order of those who stay, and tells each how many are before it', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const line = new WaitingLine<{ name: number }>();
      const expected: { name: number }[] = [];
      let name = 0;
      for (const step of steps) {
        if (step.does === 'join') {
          const waiter = { name: name++ };
          expect(line.join(waiter)).toBe(expected.length);
          expected.push(waiter);
        } else if (step.does === 'shift') {
          expect(line.shift()).toBe(expected.shift());
        } else if (step.does === 'leave') {
          const [leaver] = expected.splice(step.at, 1);
          if (leaver !== undefined) expect([line.leave(leaver), line.leave(leaver)]).toEqual([true, false]);
        } else if (step.does === 'tell') {
          for (const [waiter, ahead] of line.next(step.most)) expect(expected[ahead]).toBe(waiter);
        } else line.beginRound();
        expect(line.size).toBe(expected.length);
      }
      expect([...line]).toEqual(expected);
    }),
    { numRuns: 500 },
  );
});

test('tells everybody once a round, also those who came meanwhile', () => {
  const line = new WaitingLine<{ name: string }>();
  const join = (...names: string[]) => {
    for (const name of names) line.join({ name });
  };
  const told = (most: number) => [...line.next(most)].map(([{ name }, ahead]) => `${ahead} before ${name}`);
  join('a', 'b', 'c');
  line.beginRound();
  expect(told(2)).toEqual(['0 before a', '1 before b']);
  line.shift();
  join('d');
  expect(told(1)).toEqual(['1 before c']);
  expect(line.isRoundOver).toBe(false);
  expect(told(5)).toEqual(['2 before d']);
  expect([line.isRoundOver, told(5)]).toEqual([true, []]);
  line.beginRound();
  expect(told(5)).toEqual(['0 before b', '1 before c', '2 before d']);
});
