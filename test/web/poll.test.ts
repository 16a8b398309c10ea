import { beforeEach, describe, expect, test } from '@jest/globals';
import { Poll } from '../../src/web/console/poll.ts';

describe('the console asks', () => {
  let nowMs: number;
  let due: { atMs: number; run: () => void } | undefined;
  let visible: boolean;
  /** When each question was asked. */
  let askedMs: number[];
  let answer: PromiseWithResolvers<void>;
  let poll: Poll;

  beforeEach(() => {
    nowMs = 0;
    due = undefined;
    visible = true;
    askedMs = [];
    poll = new Poll({
      clock: { nowMs: () => nowMs },
      timers: {
        after(delayMs, run) {
          const timer = { atMs: nowMs + delayMs, run };
          due = timer;
          return () => {
            if (due === timer) due = undefined;
          };
        },
      },
      isVisible: () => visible,
      ask: () => {
        askedMs.push(nowMs);
        answer = Promise.withResolvers();
        return answer.promise;
      },
    });
  });

  /** The open question is answered after so long. */
  async function answered(afterMs: number): Promise<void> {
    nowMs += afterMs;
    answer.resolve();
    await answer.promise;
  }

  function nextTimer(): void {
    const timer = due;
    if (timer === undefined) throw new Error('no timer is set');
    due = undefined;
    nowMs = timer.atMs;
    timer.run();
  }

  test('once a second, however long answers take', async () => {
    poll.wake();
    for (const afterMs of [20, 300, 700]) {
      await answered(afterMs);
      nextTimer();
    }
    expect(askedMs).toEqual([0, 1_000, 2_000, 3_000]);
  });

  test('one question at a time, and not without a rest', async () => {
    poll.wake();
    nowMs = 4_000;
    poll.wake();
    expect(askedMs).toEqual([0]);
    await answered(1_000);
    nextTimer();
    expect(askedMs).toEqual([0, 5_250]);
  });

  test('only while somebody looks, and at once when somebody does again', async () => {
    poll.wake();
    visible = false;
    await answered(20);
    nextTimer();
    expect(askedMs).toEqual([0]);
    expect(due).toBeUndefined();
    visible = true;
    nowMs = 60_500;
    poll.wake();
    expect(askedMs).toEqual([0, 60_500]);
  });

  test('no more once stopped', async () => {
    poll.wake();
    poll.stop();
    await answered(20);
    poll.wake();
    expect(due).toBeUndefined();
    expect(askedMs).toEqual([0]);
  });
});
