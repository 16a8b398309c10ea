import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Comer, PACE, type PaceRules } from '../../src/control/admission-pace.ts';
import { AdmissionQueue, type Place } from '../../src/control/admission-queue.ts';
import { FakeTime } from '../media/fake-time.ts';

/** One at a time, so that the order shows. */
const ONE_AT_A_TIME: PaceRules = { ...PACE, mostUnderWay: 1, firstPerSecond: 10, mostPerSecond: 10, leastPerSecond: 10 };

interface Told {
  readonly atMs: number;
  readonly ahead: number;
  readonly expectedMs: number;
}

/** A queue on time that passes only when the test says so, and who came to it. */
class Door {
  readonly time = new FakeTime();
  readonly queue: AdmissionQueue;
  /** In the order of their turns. */
  readonly begun: string[] = [];
  readonly told = new Map<string, Told[]>();
  readonly waited: number[] = [];
  ledgerWaiting = 0;

  constructor(rules: PaceRules = ONE_AT_A_TIME, maxWaiting = 100) {
    this.queue = new AdmissionQueue({
      clock: this.time,
      timers: this.time,
      maxWaiting,
      ledgerWaiting: () => this.ledgerWaiting,
      waited: (ms) => this.waited.push(ms),
      rules,
      random: () => 0,
    });
  }

  come(name: string, comer: Comer = 'newcomer', bytes = 1_000): Place {
    const told: Told[] = [];
    this.told.set(name, told);
    const place = this.queue.enter({
      comer,
      name,
      bytes,
      waiting: (ahead, expectedMs) => told.push({ atMs: this.time.nowMs(), ahead, expectedMs }),
    });
    place.turn.then(
      () => this.begun.push(name),
      () => undefined,
    );
    return place;
  }

  /** Comes, and is admitted as soon as it is its turn. */
  visit(name: string, comer?: Comer): Place {
    const place = this.come(name, comer);
    place.turn.then(
      () => place.leave(false),
      () => undefined,
    );
    return place;
  }

  async pass(forMs: number): Promise<void> {
    for (let leftMs = forMs; leftMs > 0; leftMs -= 10) {
      this.time.advance(Math.min(10, leftMs));
      await settled();
    }
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const names = (count: number, of = 'viewer') => Array.from({ length: count }, (_, at) => `${of} ${at}`);

describe('the queue of those who want to watch', () => {
  test('lets in at once whoever comes to a process that keeps up', async () => {
    const door = new Door(PACE);
    for (const name of names(8)) expect(door.come(name).isWaiting).toBe(false);
    await settled();
    expect([door.begun, door.waited, door.queue.waiting]).toEqual([names(8), Array(8).fill(0), 0]);
  });

  test('keeps the order of their coming, whoever leaves meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }), async (stays) => {
        const door = new Door();
        const first = door.come('first');
        const places = stays.map((_, at) => door.visit(`viewer ${at}`));
        for (const [at, stay] of stays.entries()) if (!stay) places[at]?.leave(true);
        first.leave(false);
        await door.pass(4_000);
        expect(door.begun).toEqual(['first', ...names(stays.length).filter((_, at) => stays[at])]);
        expect(door.queue.waiting).toBe(0);
      }),
      { numRuns: 20 },
    );
  });

  test('lets those who resume go before everybody who is new, and tells these so', async () => {
    const door = new Door({ ...ONE_AT_A_TIME, firstPerSecond: 2 });
    const first = door.come('first');
    door.visit('new');
    door.visit('lost', 'established');
    door.visit('also new');
    first.leave(false);
    await door.pass(2_000);
    expect(door.begun).toEqual(['first', 'lost', 'new', 'also new']);
    expect(door.told.get('also new')?.[0]?.ahead).toBe(2);
  });

  test('tells those who wait how many are before them, which falls, once a second', async () => {
    const door = new Door();
    for (const name of names(40)) door.visit(name);
    await door.pass(5_000);
    expect(door.begun).toEqual(names(40).slice(0, door.begun.length));
    expect(door.begun.length).toBeGreaterThan(30);
    for (const [at, told] of [...door.told.values()].entries()) {
      const aheads = told.map(({ ahead }) => ahead);
      expect(aheads).toEqual([...new Set(aheads)].sort((a, b) => b - a));
      for (const [time, { atMs }] of told.entries())
        if (time > 0) expect(atMs - (told[time - 1]?.atMs ?? 0)).toBeGreaterThanOrEqual(1_000);
      if (at === 39) expect([told[0], told.length >= 3]).toEqual([{ atMs: 0, ahead: 38, expectedMs: 3_900 }, true]);
    }
    // Who is next needs no telling.
    expect(door.told.get('viewer 1')).toEqual([]);
  });

  test('tells 10,000 of them every few seconds, and no more than 2,000 a second', async () => {
    const door = new Door({ ...ONE_AT_A_TIME, firstPerSecond: 0.001, leastPerSecond: 0.001, mostPerSecond: 0.001 }, 20_000);
    for (const name of names(10_001)) door.come(name);
    await door.pass(20_000);
    const all = [...door.told.values()].slice(1);
    for (const told of all)
      for (const [time, { atMs }] of told.entries())
        expect(atMs - (told[time - 1]?.atMs ?? 0)).toBeLessThanOrEqual(time === 0 ? 0 : 6_000);
    const inSeconds = Array<number>(20).fill(0);
    for (const { atMs } of all.flat())
      if (atMs > 0) inSeconds[Math.floor((atMs - 1) / 1_000)] = (inSeconds[Math.floor((atMs - 1) / 1_000)] ?? 0) + 1;
    expect(Math.max(...inSeconds)).toBeLessThanOrEqual(2_000);
    expect(all.at(-1)?.at(-1)?.ahead).toBe(9_999);
  });

  test('refuses whom it has no place for, and says when there will be one', () => {
    const door = new Door(ONE_AT_A_TIME, 20);
    for (const name of names(21)) door.come(name);
    const late = expect.objectContaining({
      code: 'try-later',
      message: 'very many want to watch at once, and every place to wait is taken; try again in 3 s',
      retryInMs: 2_100,
    });
    expect(() => door.come('late')).toThrow(late);
    expect([door.queue.waiting, door.queue.refused]).toEqual([20, 1]);
    // Who resumes has places of its own.
    expect(door.come('lost', 'established').isWaiting).toBe(true);
  });

  test('keeps 41 MB at most for each of its lines, whatever 10,000 who wait have sent, and refuses who comes with more', () => {
    const door = new Door(ONE_AT_A_TIME, 10_000);
    door.come('first');
    const longest = 16_384;
    const fill = (comer: Comer) => {
      const places: Place[] = [];
      try {
        for (const name of names(10_000, comer)) places.push(door.come(name, comer, longest));
      } catch (error) {
        expect(error).toMatchObject({
          code: 'try-later',
          message: expect.stringMatching(/no memory left to keep what they sent; try again in \d+ s$/),
          retryInMs: expect.any(Number),
        });
      }
      return places;
    };
    const newcomers = fill('newcomer');
    expect(newcomers.length * longest).toBe(40_960_000);
    // Those who resume have memory of their own.
    expect(fill('established').length * longest).toBe(40_960_000);
    expect(door.queue.refused).toBe(2);
    newcomers[7]?.leave(true);
    expect(door.come('late', 'newcomer', longest).isWaiting).toBe(true);
    expect(() => door.come('later', 'newcomer', 1)).toThrow(expect.objectContaining({ code: 'try-later' }));
  });

  test('has 10,000 places for viewers with the long tokens that some sites sign, and one for the longest, however few there are', () => {
    const door = new Door(ONE_AT_A_TIME, 10_000);
    for (const name of names(10_001)) door.come(name, 'newcomer', 4_000);
    expect([door.queue.waiting, door.queue.refused]).toEqual([10_000, 0]);
    const narrow = new Door(ONE_AT_A_TIME, 1);
    narrow.come('first');
    expect(narrow.come('second', 'newcomer', 16_384).isWaiting).toBe(true);
  });

  test('gives one token a few places, whatever address they are asked for from, and the last again when one is left', async () => {
    const door = new Door();
    const first = door.come('first');
    const places = [1, 2, 3, 4].map(() => door.visit('one token'));
    expect(() => door.come('one token')).toThrow(expect.objectContaining({ code: 'try-later', retryInMs: expect.any(Number) }));
    places[0]?.leave(true);
    door.visit('one token');
    first.leave(false);
    await door.pass(2_000);
    expect(door.begun).toEqual(['first', ...Array(4).fill('one token')]);
    expect(door.come('one token').isWaiting).toBe(false);
  });

  test('is not held up for good by an admission of which nothing comes', async () => {
    const door = new Door();
    const lost = door.come('lost');
    door.visit('next');
    await door.pass(4_900);
    expect(door.begun).toEqual(['lost']);
    await door.pass(200);
    expect(door.begun).toEqual(['lost', 'next']);
    lost.leave(true);
    expect(door.come('another').isWaiting).toBe(false);
  });

  test('lets in fewer while the ledger is behind', async () => {
    const letIn = async (ledgerWaiting: number) => {
      const door = new Door(PACE, 1_000);
      door.ledgerWaiting = ledgerWaiting;
      await door.pass(2_000);
      for (const name of names(1_000)) door.visit(name);
      await door.pass(1_000);
      return door.begun.length;
    };
    expect(await letIn(0)).toBeGreaterThan(200);
    expect(await letIn(PACE.ledgerWaiting + 1)).toBeLessThan(20);
  });

  test('refuses those who wait when it is closed, and everybody after', async () => {
    const door = new Door();
    door.come('first');
    const place = door.come('second');
    door.queue.close();
    await expect(place.turn).rejects.toMatchObject({ code: 'unavailable' });
    expect(() => door.come('third')).toThrow(expect.objectContaining({ code: 'unavailable' }));
    expect(door.time.waiting).toBe(0);
  });
});
