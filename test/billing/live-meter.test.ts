import { expect, test } from '@jest/globals';
import { LiveMeter } from '../../src/billing/live-meter.ts';

test('what an edge puts before the start of a viewing counts as little as in the bill', () => {
  const meter = new LiveMeter({ beganMs: () => 0, endedMs: () => undefined });
  meter.confirm(1, 1_000);
  meter.start(1_300);
  meter.serve({ fromMs: 1_100, toMs: 2_000 });
  expect(meter.billableMs).toBe(700);
});
