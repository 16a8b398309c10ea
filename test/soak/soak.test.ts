import { expect, test } from '@jest/globals';
import { soak } from './soak.ts';

test('an audience comes and goes at a real relay, leaves nothing behind, and is in the ledger as it went', async () => {
  const {
    faults,
    samples,
    figures: { confirmations },
  } = await soak({ minutes: 0.2, viewers: 6, programs: 2, periodMs: 1_000, seed: 3 });
  expect(faults).toEqual([]);
  expect(samples.length).toBeGreaterThan(2);
  expect(confirmations).toBeGreaterThan(30);
}, 120_000);
