import { expect, test } from '@jest/globals';
import { soak } from './soak.ts';

test('an audience comes and goes at a real relay, leaves nothing behind, and is in the ledger as it went', async () => {
  const {
    faults,
    samples,
    figures: { confirmations },
  } = await soak({ minutes: 0.3, viewers: 6, programs: 2, periodMs: 4_000, seed: 3 });
  expect(faults).toEqual([]);
  expect(samples.length).toBeGreaterThan(2);
  expect(confirmations).toBeGreaterThan(10);
}, 120_000);
