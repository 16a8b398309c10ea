import { describe, expect, test } from '@jest/globals';
import { type Debtor, KeyDebt } from '../../src/authority/key-debt.ts';
import { FakeTime } from '../media/fake-time.ts';

let viewings = 0;
const viewing = (program = 'news', viewer = 'eve'): Debtor => ({ viewing: `v${viewings++}`, program, viewer });

/** A viewing that ends without an answer to so many keys. */
function leave(debt: KeyDebt, keys = 1, debtor = viewing()): void {
  for (let key = 0; key < keys; key++) debt.given(debtor);
  debt.ended(debtor);
}

describe('keys given and never confirmed', () => {
  test('are free up to three, then cost a wait that doubles', () => {
    const time = new FakeTime();
    const debt = new KeyDebt(time);
    for (let key = 0; key < 3; key++) {
      expect(debt.waitMs('news', 'eve')).toBe(0);
      leave(debt);
    }
    expect(debt.waitMs('news', 'eve')).toBe(10_000);
    time.advance(10_000);
    expect(debt.waitMs('news', 'eve')).toBe(0);
    leave(debt);
    expect(debt.waitMs('news', 'eve')).toBe(20_000);
  });

  test('are counted: those that await an answer, those that never got one, and who owes some', () => {
    const debt = new KeyDebt(new FakeTime());
    const [eve, adam] = [viewing(), viewing('news', 'adam')];
    for (const each of [eve, eve, adam]) debt.given(each);
    debt.confirmed(adam);
    expect([debt.awaited, debt.unanswered, debt.debtors]).toEqual([2, 0, 0]);
    for (const each of [eve, adam]) debt.ended(each);
    expect([debt.awaited, debt.unanswered, debt.debtors]).toEqual([0, 2, 1]);
  });

  test('are another viewer’s and another program’s own', () => {
    const debt = new KeyDebt(new FakeTime());
    leave(debt, 9);
    expect(debt.waitMs('news', 'eve')).toBe(600_000);
    expect(debt.waitMs('news', 'adam')).toBe(0);
    expect(debt.waitMs('sport', 'eve')).toBe(0);
  });

  test('are no debt while their viewings go on, however many those are', () => {
    const debt = new KeyDebt(new FakeTime());
    const several = Array.from({ length: 5 }, () => viewing());
    for (const each of several) debt.given(each);
    expect(debt.waitMs('news', 'eve')).toBe(0);
    for (const each of several) debt.confirmed(each);
    for (const each of several) debt.ended(each);
    expect(debt.waitMs('news', 'eve')).toBe(0);
  });

  test('are settled one by one: a confirmation settles its own key and one that was left before', () => {
    const debt = new KeyDebt(new FakeTime());
    leave(debt, 5);
    const now = viewing();
    for (const waitMs of [20_000, 10_000, 0]) {
      debt.given(now);
      debt.confirmed(now);
      expect(debt.waitMs('news', 'eve')).toBe(waitMs);
    }
    leave(debt, 1);
    expect(debt.waitMs('news', 'eve')).toBe(10_000);
  });

  test('are settled by no confirmation of a key that was not given', () => {
    const debt = new KeyDebt(new FakeTime());
    leave(debt, 3);
    debt.confirmed(viewing());
    expect(debt.waitMs('news', 'eve')).toBe(10_000);
  });

  test('are counted once when a viewing is said to have ended twice', () => {
    const debt = new KeyDebt(new FakeTime());
    const twice = viewing();
    leave(debt, 2, twice);
    debt.ended(twice);
    expect(debt.waitMs('news', 'eve')).toBe(0);
    leave(debt, 1);
    expect(debt.waitMs('news', 'eve')).toBe(10_000);
  });

  test('are forgotten in time', () => {
    const time = new FakeTime();
    const debt = new KeyDebt(time);
    leave(debt, 5, viewing('news', 'adam'));
    time.advance(1_800_000);
    leave(debt, 1, viewing('news', 'somebody'));
    leave(debt, 1, viewing('news', 'adam'));
    expect(debt.waitMs('news', 'adam')).toBe(0);
  });
});
