import { expect, jest, test } from '@jest/globals';
import { webKeyExchange } from '../../src/authority/key-exchange.ts';
import { AuthorityHarness, settled } from './authority-harness.ts';

test('of a broadcast that is taken over again and again, few keys are kept, and others overwritten', async () => {
  const made = jest.spyOn(webKeyExchange, 'proofKey');
  const harness = new AuthorityHarness();
  const live = await harness.live();
  for (let more = 0; more < 20; more++) {
    live.replaced({ offer: () => undefined, end: () => undefined });
    await settled();
  }
  const keys = made.mock.calls.map(([contentKey]) => contentKey);
  made.mockRestore();
  expect(keys).toHaveLength(21);
  const kept = keys.filter((key) => key.some((byte) => byte !== 0));
  expect(kept.length).toBeLessThanOrEqual(5);
  expect(kept.at(-1)).toBe(keys.at(-1));
});
