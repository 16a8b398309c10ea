import { jest } from '@jest/globals';
import { type EpochBegun, Sealer, type SealerOptions } from '../../src/media/sealer.ts';
import { FakeTime } from './fake-time.ts';

/** A sealer in time that a test moves, and what it told its owner. */
export function sealerOf(options: Partial<SealerOptions> = {}) {
  const time = new FakeTime();
  const began: EpochBegun[] = [];
  const starved = jest.fn();
  const sealer = new Sealer({ clock: time, timers: time, onBegan: (begun) => began.push(begun), onStarved: starved, ...options });
  return { time, began, starved, sealer };
}
