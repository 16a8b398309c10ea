import { describe, expect, test } from '@jest/globals';
import { KeyDebt } from '../../src/authority/key-debt.ts';
import { FakeTime } from '../media/fake-time.ts';

describe('keys given and never confirmed', () => {
  test('are free up to three, then cost a wait that doubles', () => {
    const time = new FakeTime();
    const debt = new KeyDebt(time);
    for (let key = 0; key < 3; key++) {
      expect(debt.waitMs('news', 'eve')).toBe(0);
      debt.given('news', 'eve');
    }
    expect(debt.waitMs('news', 'eve')).toBe(10_000);
    time.advance(10_000);
    expect(debt.waitMs('news', 'eve')).toBe(0);
    debt.given('news', 'eve');
    expect(debt.waitMs('news', 'eve')).toBe(20_000);
  });

  test('are another viewer’s and another program’s own', () => {
    const debt = new KeyDebt(new FakeTime());
    for (let key = 0; key < 9; key++) debt.given('news', 'eve');
    expect(debt.waitMs('news', 'eve')).toBe(600_000);
    expect(debt.waitMs('news', 'adam')).toBe(0);
    expect(debt.waitMs('sport', 'eve')).toBe(0);
  });

  test('are settled by a confirmation, and forgotten in time', () => {
    const time = new FakeTime();
    const debt = new KeyDebt(time);
    for (let key = 0; key < 5; key++) debt.given('news', 'eve');
    debt.confirmed('news', 'eve');
    expect(debt.waitMs('news', 'eve')).toBe(0);
    for (let key = 0; key < 5; key++) debt.given('news', 'adam');
    time.advance(1_800_000);
    debt.given('news', 'somebody');
    debt.given('news', 'adam');
    expect(debt.waitMs('news', 'adam')).toBe(0);
  });
});
