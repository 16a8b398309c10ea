import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import type { Delivery } from '../../src/bus/bus.ts';
import { DeliveryOutbox } from '../../src/bus/nats-delivery-outbox.ts';
import type { DeliveryBatch } from '../../src/bus/nats-messages.ts';
import { FakeTime } from '../media/fake-time.ts';

const tooSlow = (viewing: string): Delivery => ({ edge: 'a', kind: 'too-slow', viewing });
const served = (spans: number, atMs = 0): Delivery => ({
  edge: 'a',
  kind: 'served',
  program: 'news',
  epoch: 1,
  spans: Array.from({ length: spans }, (_, viewing) => [`v${viewing}`, atMs, atMs] as const),
});

function outboxWith(answer: (batch: DeliveryBatch) => number | undefined) {
  const time = new FakeTime();
  const batches: DeliveryBatch[] = [];
  const lost: number[] = [];
  const outbox = new DeliveryOutbox({
    clock: time,
    timers: time,
    random: () => 0.5,
    async send(batch) {
      batches.push(batch);
      return answer(batch);
    },
    lost: (deliveries) => lost.push(deliveries),
  });
  return { time, batches, lost, outbox };
}

const all = ({ first, deliveries }: DeliveryBatch): number => first + deliveries.length;

describe('the deliveries of an edge', () => {
  test('go together while an answer is awaited, and are kept until there is one', async () => {
    let answers = false;
    const { time, batches, outbox } = outboxWith((batch) => (answers ? all(batch) : undefined));
    for (const viewing of ['v1', 'v2', 'v3']) outbox.push(tooSlow(viewing));
    await setImmediate();
    expect(batches.map(({ deliveries }) => deliveries.length)).toEqual([1]);
    answers = true;
    time.advance(1_000);
    await setImmediate();
    expect(batches.at(-1)).toMatchObject({ first: 0, deliveries: [{ viewing: 'v1' }, { viewing: 'v2' }, { viewing: 'v3' }] });
    outbox.push(tooSlow('v4'));
    await setImmediate();
    expect(batches.at(-1)).toMatchObject({ first: 3, deliveries: [{ viewing: 'v4' }] });
    expect(batches).toHaveLength(3);
  });

  test('grow older while they wait', async () => {
    const sentMs: number[] = [];
    const { time, batches, outbox } = outboxWith(() => void sentMs.push(time.nowMs()));
    time.advance(10_000);
    outbox.push(served(1, 9_000));
    for (let second = 0; second < 5; second++) {
      await setImmediate();
      time.advance(1_000);
    }
    expect(sentMs.at(-1)).toBeGreaterThan(14_000);
    const ages = batches.map(({ deliveries: [first] }) => (first?.kind === 'served' ? first.spans[0]?.[1] : undefined));
    expect(ages).toEqual(sentMs.map((atMs) => atMs - 9_000));
  });

  test('are bounded: the oldest are given up, and the rest go on by their numbers', async () => {
    let answers = false;
    const { time, batches, lost, outbox } = outboxWith((batch) => (answers ? all(batch) : undefined));
    for (let i = 0; i < 120; i++) outbox.push(served(2_000));
    await setImmediate();
    expect(lost.reduce((sum, count) => sum + count, 0)).toBe(20);
    answers = true;
    outbox.retry();
    time.advance(10_000);
    await setImmediate();
    expect(batches.at(1)).toMatchObject({ first: 20 });
    expect(all(batches.at(-1) ?? { boot: '', first: 0, deliveries: [] })).toBe(120);
  });

  test('are waited for when the bus closes, but not for ever', async () => {
    const { time, outbox } = outboxWith(() => undefined);
    outbox.push(tooSlow('v1'));
    await setImmediate();
    const closed = outbox.close(1_000);
    time.advance(1_000);
    await closed;
    expect(time.waiting).toBe(0);
  });
});
