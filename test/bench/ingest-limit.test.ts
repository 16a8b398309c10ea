import { describe, expect, test } from '@jest/globals';
import { type Attempt, limitOf, verdictOn } from '../../bench/ingest-limit.ts';

const roomy: Attempt = {
  broadcasters: 100,
  sentShare: 1,
  mainThreadShare: 0.2,
  idleShare: 0.4,
  lateMs: 8,
  backlogGrowthBytes: 0,
  delayP50Ms: 3,
};

describe('what is said of a relay', () => {
  test.each<[string, string, Partial<Attempt>]>([
    ['has room', 'there is time', {}],
    ['has room', 'the machine has none left, and everybody keeps up', { idleShare: 0 }],
    ['full', 'its main thread has no more time', { mainThreadShare: 0.9 }],
    ['full', 'the machine neither', { mainThreadShare: 0.95, idleShare: 0, lateMs: 2_000 }],
    ['falls behind', 'more and more waits for it', { backlogGrowthBytes: 1 << 20 }],
    ['falls behind', 'its pictures come late', { delayP50Ms: 1_500 }],
    ['machine full', 'its pictures come late as nobody has time', { delayP50Ms: 1_500, idleShare: 0.01 }],
    ['machine full', 'broadcasters send late', { lateMs: 700 }],
    ['machine full', 'broadcasters do not send all', { sentShare: 0.9 }],
  ])('it "%s" where %s', (verdict, _where, change) => {
    expect(verdictOn({ ...roomy, ...change })).toBe(verdict);
  });
});

describe('the limit of a relay', () => {
  /** One that takes so many, on a machine that has time for `machine`. */
  const relay = (takes: number, machine = Number.POSITIVE_INFINITY) => {
    const tried: number[] = [];
    const attempt = async (broadcasters: number): Promise<Attempt> => {
      tried.push(broadcasters);
      const late = broadcasters > machine ? { lateMs: 5_000 } : {};
      return {
        ...roomy,
        broadcasters,
        mainThreadShare: Math.min(0.89, (0.89 * broadcasters) / takes) + (broadcasters > takes ? 0.1 : 0),
        ...late,
      };
    };
    return { attempt, tried };
  };

  test.each([100, 130, 399, 690, 1_599])('is found to a tenth where it takes %d', async (takes) => {
    const { attempt, tried } = relay(takes);
    const { broadcasters = 0, by } = (await limitOf(attempt, { from: 200, most: 3_200 })) ?? {};
    expect(by).toBe('measurement');
    expect(broadcasters).toBeLessThanOrEqual(takes);
    expect(broadcasters).toBeGreaterThan(takes * 0.88);
    expect(tried.length).toBeLessThan(9);
  });

  test('is estimated by the most that had room, where the machine is too small', async () => {
    const { attempt, tried } = relay(1_000, 300);
    expect(await limitOf(attempt, { from: 100, most: 3_200 })).toEqual({ broadcasters: 1_123, by: 'estimate' });
    expect(tried).toEqual([100, 200, 400]);
  });

  test('is estimated by those that were too many for the machine, by what they sent, where they were the first', async () => {
    const attempt = async (broadcasters: number) => ({ ...roomy, broadcasters, sentShare: 0.5, mainThreadShare: 0.25 });
    expect(await limitOf(attempt, { from: 200, most: 3_200 })).toEqual({ broadcasters: 400, by: 'estimate' });
  });

  test('is estimated where as many as are tried at most have room, or more could not begin', async () => {
    const begins = async (broadcasters: number) => (broadcasters > 4 ? undefined : { ...roomy, broadcasters });
    expect(await limitOf(begins, { from: 2, most: 4 })).toEqual({ broadcasters: 20, by: 'estimate' });
    expect(await limitOf(begins, { from: 2, most: 64 })).toEqual({ broadcasters: 20, by: 'estimate' });
    expect(await limitOf(begins, { from: 8, most: 64 })).toBeUndefined();
  });
});
