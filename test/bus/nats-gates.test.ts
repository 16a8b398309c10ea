import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { GateChange } from '../../src/bus/bus.ts';
import { GateReceiver } from '../../src/bus/nats-gate-receiver.ts';
import { BEAT_MS, GateSender } from '../../src/bus/nats-gate-sender.ts';
import type { GateMessage, GateSnapshot } from '../../src/bus/nats-messages.ts';
import { FakeTime } from '../media/fake-time.ts';

const open = (viewing: string): GateChange => ({ kind: 'open', program: 'news', viewing, epoch: 1, catchUp: false });
const close = (viewing: string): GateChange => ({ kind: 'close', program: 'news', viewing });

/** An authority and an edge, with a wire between them that a test can cut. */
function pair() {
  const time = new FakeTime();
  /** What the authority wants open, and what the edge has open. */
  const wanted = new Set<string>();
  const has = new Set<string>();
  const passed: GateChange[] = [];
  const wire = { isCut: false, isThere: true, asked: 0 };
  let held: GateMessage[] = [];
  const newSender = () =>
    new GateSender({
      clock: time,
      timers: time,
      send: (_, message) => void (wire.isCut || held.push(message)),
    });
  let sender = newSender();
  sender.start();
  const receiver = new GateReceiver({
    timers: time,
    random: () => 0.5,
    async ask(): Promise<GateSnapshot | undefined> {
      wire.asked++;
      if (wire.isCut || !wire.isThere) return undefined;
      sender.heard('a');
      return sender.snapshot('a', [...wanted].map(open));
    },
    change(change) {
      passed.push(change);
      if (change.kind === 'open') has.add(change.viewing);
      if (change.kind === 'close') has.delete(change.viewing);
    },
    snapshot(changes) {
      has.clear();
      for (const change of changes) if (change.kind === 'open') has.add(change.viewing);
    },
  });
  return {
    time,
    wire,
    wanted,
    has,
    passed,
    receiver,
    publish(change: Extract<GateChange, { viewing: string }>) {
      if (change.kind === 'open') wanted.add(change.viewing);
      else wanted.delete(change.viewing);
      sender.publish('a', change);
    },
    /** What is on the wire arrives, each message as often as it says. */
    async arrive(times = 1) {
      const messages = held;
      held = [];
      for (const message of messages) for (let i = 0; i < times; i++) receiver.receive(message);
      await setImmediate();
    },
    async restart() {
      sender.close();
      wanted.clear();
      sender = newSender();
      sender.start();
      sender.heard('a');
    },
  };
}

type Step = 'open' | 'close' | 'cut' | 'mend' | 'arrive' | 'twice' | 'restart' | 'beat';
const steps = fc.array(
  fc.record({
    step: fc.constantFrom<Step>('open', 'open', 'close', 'cut', 'mend', 'arrive', 'twice', 'restart', 'beat'),
    viewing: fc.constantFrom('v1', 'v2', 'v3'),
  }),
  { maxLength: 60, size: 'max' },
);

describe('gates that cross NATS', () => {
  test('are as the authority wants them within a second of the wire being whole, whatever was lost before', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const { time, wire, wanted, has, receiver, publish, arrive, restart } = pair();
        receiver.missed();
        await setImmediate();
        for (const { step, viewing } of all) {
          if (step === 'open') publish({ kind: 'open', program: 'news', viewing, epoch: 1, catchUp: false });
          else if (step === 'close') publish({ kind: 'close', program: 'news', viewing });
          else if (step === 'cut') wire.isCut = true;
          else if (step === 'mend') wire.isCut = false;
          else if (step === 'arrive') await arrive();
          else if (step === 'twice') await arrive(2);
          else if (step === 'restart') await restart();
          else time.advance(BEAT_MS);
        }
        wire.isCut = false;
        await arrive();
        time.advance(BEAT_MS);
        await arrive();
        // The question may have been lost before: the next beat asks again.
        time.advance(BEAT_MS - 1);
        await arrive();
        expect([...has].sort()).toEqual([...wanted].sort());
      }),
      { numRuns: 300 },
    );
  });

  test('pass every change once, in order, those too that come while a snapshot is asked for', async () => {
    const { receiver, publish, arrive, passed, wire } = pair();
    receiver.missed();
    await setImmediate();
    publish({ kind: 'open', program: 'news', viewing: 'v1', epoch: 1, catchUp: false });
    await arrive(2);
    receiver.missed();
    publish({ kind: 'open', program: 'news', viewing: 'v2', epoch: 1, catchUp: false });
    await arrive();
    publish({ kind: 'close', program: 'news', viewing: 'v1' });
    await arrive(3);
    expect(passed.filter((change) => 'viewing' in change && change.viewing === 'v1')).toEqual([open('v1'), close('v1')]);
    expect(wire.asked).toBe(2);
  });

  test('are not set back by an answer that comes after that of a later question, nor by one after the end', async () => {
    const answers: ((snapshot: GateSnapshot) => void)[] = [];
    const snapshots: (readonly GateChange[])[] = [];
    const receiver = new GateReceiver({
      timers: new FakeTime(),
      random: () => 0.5,
      ask: () => new Promise((resolve) => answers.push(resolve)),
      change: () => undefined,
      snapshot: (changes) => snapshots.push(changes),
    });
    for (let question = 0; question < 3; question++) receiver.missed();
    answers[1]?.({ boot: 'x', seq: 1, changes: [open('v1')] });
    answers[2]?.({ boot: 'x', seq: 2, changes: [] });
    answers[0]?.({ boot: 'x', seq: 0, changes: [open('v1')] });
    await setImmediate();
    expect(snapshots).toEqual([[]]);
    receiver.missed();
    receiver.close();
    answers[3]?.({ boot: 'x', seq: 3, changes: [open('v1')] });
    await setImmediate();
    expect(snapshots).toEqual([[]]);
  });

  test('stay open while no authority is there, which is asked again and again, ever more seldom', async () => {
    const { receiver, publish, arrive, has, wire, time } = pair();
    receiver.missed();
    await setImmediate();
    publish({ kind: 'open', program: 'news', viewing: 'v1', epoch: 1, catchUp: false });
    await arrive();
    [wire.isCut, wire.asked] = [true, 0];
    receiver.missed();
    for (let second = 0; second < 60; second++) {
      time.advance(1_000);
      await setImmediate();
    }
    expect(has).toEqual(new Set(['v1']));
    expect(wire.asked).toBeGreaterThan(10);
    expect(wire.asked).toBeLessThan(30);
    receiver.close();
    const { asked } = wire;
    time.advance(60_000);
    await setImmediate();
    expect(wire.asked).toBe(asked);
  });

  test('are no longer beaten for an edge that was silent for a minute; when it comes back, it starts anew', async () => {
    const { receiver, arrive, time, wire, has, publish } = pair();
    receiver.missed();
    await setImmediate();
    time.advance(61_000);
    await arrive();
    const { asked } = wire;
    publish({ kind: 'open', program: 'news', viewing: 'v1', epoch: 1, catchUp: false });
    time.advance(BEAT_MS);
    await arrive();
    expect(wire.asked).toBe(asked + 1);
    expect(has).toEqual(new Set(['v1']));
  });
});
