import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { EndReason } from '../../src/viewing/end-reason.ts';
import {
  newViewing,
  stepViewing,
  type Viewing,
  type ViewingCommand,
  type ViewingContext,
  type ViewingEvent,
} from '../../src/viewing/viewing.ts';

const MIN_ANSWER_MS = 2_000;
const PERIOD_MS = 10_000;
/** Epoch n lasts from (n − 1) × 10 s to n × 10 s. */
const epochEndMs = (nowMs: number) => (epoch: number) => (epoch * PERIOD_MS <= nowMs ? epoch * PERIOD_MS : undefined);

/** A viewing that is fed events at given times, and all that it commanded. */
class Script {
  state: Viewing = newViewing;
  readonly commands: ViewingCommand[] = [];

  at(nowMs: number, event: ViewingEvent): this {
    const context: ViewingContext = { nowMs, minAnswerMs: MIN_ANSWER_MS, periodMs: PERIOD_MS, epochEndMs: epochEndMs(nowMs) };
    const [state, commands] = stepViewing(this.state, event, context);
    this.state = state;
    this.commands.push(...commands);
    return this;
  }

  confirm(nowMs: number, epoch: number): this {
    return this.at(nowMs, { type: 'receipt', epoch }).at(nowMs + 5, { type: 'committed', epoch });
  }

  get keysSent(): number[] {
    return this.commands.flatMap((command) => (command.type === 'send-key' ? [command.epoch] : []));
  }

  get gates(): number[] {
    return this.commands.flatMap((command) => (command.type === 'open-gate' ? [command.epoch] : []));
  }

  get end(): { reason: EndReason; atMs: number } | undefined {
    const last = this.commands.find((command) => command.type === 'record-end');
    return last && { reason: last.reason, atMs: last.atMs };
  }
}

/** Joined in epoch 1 at 1 s, confirmed, and has epoch 2's key, sent at 6 s and confirmed. */
const watching = () =>
  new Script()
    .at(1_000, { type: 'joined', epochs: [1] })
    .confirm(1_050, 1)
    .at(6_000, { type: 'update-due', epoch: 2 })
    .confirm(6_050, 2);

describe('a viewing', () => {
  test('starts when its first receipt is durable, and its gate opens only then', () => {
    const script = new Script().at(1_000, { type: 'joined', epochs: [1] }).at(1_050, { type: 'receipt', epoch: 1 });
    expect(script.gates).toEqual([]);
    expect(script.state.phase).toBe('offered');
    script.at(1_060, { type: 'committed', epoch: 1 });
    expect(script.commands.slice(-2)).toEqual([
      { type: 'record-start', atMs: 1_060 },
      { type: 'open-gate', epoch: 1, first: true },
    ]);
  });

  test('that joins while the next key is being handed out gets both', () => {
    expect(new Script().at(7_000, { type: 'joined', epochs: [1, 2] }).keysSent).toEqual([1, 2]);
  });

  test('that did not confirm gets no further key: it ends at the next update, at the end of its last confirmed epoch', () => {
    const script = watching().at(16_000, { type: 'update-due', epoch: 3 }).at(26_000, { type: 'update-due', epoch: 4 });
    expect(script.keysSent).toEqual([1, 2, 3]);
    script.at(26_000, { type: 'deadline' });
    expect(script.keysSent).toEqual([1, 2, 3]);
    expect(script.at(26_000, { type: 'delivered', lastChunkMs: 19_990 }).end).toEqual({ reason: 'unconfirmed', atMs: 20_000 });
  });

  test('whose answer may still come has its least time to answer, and its update then', () => {
    const held = watching().at(16_000, { type: 'update-due', epoch: 3 }).at(17_000, { type: 'update-due', epoch: 4 });
    expect(held.state.deadlineMs).toBe(18_000);
    expect(held.keysSent).toEqual([1, 2, 3]);
    expect(held.at(17_900, { type: 'receipt', epoch: 3 }).keysSent).toEqual([1, 2, 3, 4]);
    expect(held.state.deadlineMs).toBeUndefined();
  });

  test('whose answer did not come in its least time ends then', () => {
    const script = watching()
      .at(16_000, { type: 'update-due', epoch: 3 })
      .at(17_000, { type: 'update-due', epoch: 4 })
      .at(17_999, { type: 'deadline' });
    expect(script.state.phase).toBe('started');
    expect(script.at(18_000, { type: 'deadline' }).state.end).toMatchObject({ reason: 'unconfirmed' });
  });

  test('whose receipt was received but cannot be committed lives on with its gate closed', () => {
    const script = watching().at(16_000, { type: 'update-due', epoch: 3 }).at(16_010, { type: 'receipt', epoch: 3 });
    script.at(26_000, { type: 'update-due', epoch: 4 });
    expect(script.state.phase).toBe('started');
    expect(script.keysSent).toEqual([1, 2, 3, 4]);
    expect(script.gates).toEqual([1, 2]);
  });

  test('that is stopped ends at the request and gets no later key, gate or start', () => {
    const script = watching().at(7_000, { type: 'end', reason: 'stopped' });
    const before = script.commands.length;
    script.at(7_001, { type: 'update-due', epoch: 3 }).confirm(7_002, 2).at(7_003, { type: 'resumed' });
    expect(script.commands.length).toBe(before);
    expect(script.at(7_010, { type: 'delivered', lastChunkMs: 7_005 }).end).toEqual({ reason: 'stopped', atMs: 7_000 });
  });

  test('whose control socket is lost is given its missed key again when it resumes in time', () => {
    const script = watching()
      .at(8_000, { type: 'lost' })
      .at(16_000, { type: 'update-due', epoch: 3 })
      .at(20_000, { type: 'resumed' });
    expect(script.keysSent).toEqual([1, 2, 3, 3]);
    expect(script.confirm(20_050, 3).at(26_000, { type: 'update-due', epoch: 4 }).keysSent).toEqual([1, 2, 3, 3, 4]);
  });

  test('whose control socket stays lost is disconnected at the deadline of the receipt it missed, ended at its last chunk', () => {
    const script = watching()
      .at(8_000, { type: 'lost' })
      .at(16_000, { type: 'update-due', epoch: 3 })
      .at(26_000, { type: 'update-due', epoch: 4 })
      .at(26_000, { type: 'deadline' });
    expect(script.at(26_000, { type: 'delivered', lastChunkMs: 19_990 }).end).toEqual({ reason: 'disconnected', atMs: 19_990 });
  });

  test('that lost its sockets both is disconnected as of the loss', () => {
    const script = watching()
      .at(8_000, { type: 'lost' })
      .at(16_000, { type: 'update-due', epoch: 3 })
      .at(26_000, { type: 'update-due', epoch: 4 })
      .at(26_000, { type: 'deadline' });
    expect(script.at(26_000, { type: 'delivered', lastChunkMs: 7_990 }).end).toEqual({ reason: 'disconnected', atMs: 8_000 });
  });

  test('whose broadcaster is away has one period to answer what it was sent', () => {
    const script = watching().at(16_000, { type: 'update-due', epoch: 3 }).at(17_000, { type: 'away' });
    expect(script.state.deadlineMs).toBe(27_000);
    expect(script.at(27_000, { type: 'deadline' }).at(27_000, { type: 'delivered' }).end).toEqual({
      reason: 'unconfirmed',
      atMs: 20_000,
    });
    expect(watching().at(16_000, { type: 'away' }).state.deadlineMs).toBeUndefined();
  });

  test('whose broadcaster came back is not ended by that deadline', () => {
    const script = watching()
      .at(16_000, { type: 'update-due', epoch: 3 })
      .at(17_000, { type: 'away' })
      .at(18_000, { type: 'back' });
    expect(script.state.deadlineMs).toBeUndefined();
  });

  test('whose credit is exhausted gets no further key and ends with its last confirmed epoch', () => {
    const script = watching().at(16_000, { type: 'exhausted' }).at(16_000, { type: 'update-due', epoch: 3 });
    expect(script.keysSent).toEqual([1, 2]);
    expect(script.state.phase).toBe('started');
    script.at(20_000, { type: 'epoch-began', epoch: 3 }).at(20_000, { type: 'delivered', lastChunkMs: 19_990 });
    expect(script.end).toEqual({ reason: 'credit-exhausted', atMs: 20_000 });
  });

  test.each<[EndReason, number | undefined, number]>([
    ['too-slow', 7_400, 7_400],
    ['broadcast-ended', 7_400, 7_400],
    ['program-removed', 7_400, 7_400],
    ['shutdown', 7_400, 7_400],
    ['shutdown', undefined, 1_055],
    ['revoked', 7_400, 7_500],
    ['superseded', 7_400, 7_500],
  ])('that ends by %s after a last chunk at %s ended at %s', (reason, lastChunkMs, atMs) => {
    const script = watching().at(7_500, { type: 'end', reason });
    script.at(7_500, { type: 'delivered', ...(lastChunkMs === undefined ? {} : { lastChunkMs }) });
    expect(script.end).toEqual({ reason, atMs });
  });
});

describe('whatever happens to a viewing', () => {
  const event = fc.oneof(
    fc.record({
      type: fc.constantFrom('update-due' as const, 'receipt' as const, 'committed' as const, 'epoch-began' as const),
      epoch: fc.integer({ min: 1, max: 6 }),
    }),
    fc.record({
      type: fc.constantFrom(
        'deadline' as const,
        'lost' as const,
        'resumed' as const,
        'away' as const,
        'back' as const,
        'exhausted' as const,
        'delivered' as const,
      ),
    }),
    fc.record({ type: fc.constant('end' as const), reason: fc.constantFrom<EndReason>('stopped', 'revoked', 'broadcast-ended') }),
  );
  const life = fc.array(fc.tuple(fc.nat(6_000), event), { maxLength: 60 });

  test('a gate opens only for a key that was sent, received and committed; a new key goes out only after an answer', () => {
    fc.assert(
      fc.property(life, (events) => {
        const script = new Script().at(0, { type: 'joined', epochs: [1] });
        const [sent, received, committed] = [new Set([1]), new Set<number>(), new Set<number>()];
        let nowMs = 0;
        for (const [waitMs, next] of events) {
          nowMs += waitMs;
          const known = script.commands.length;
          const over = script.state.phase === 'ending' || script.state.phase === 'ended';
          if (next.type === 'receipt' && !over && sent.has(next.epoch)) received.add(next.epoch);
          if (next.type === 'committed' && received.has(next.epoch)) committed.add(next.epoch);
          const newest = Math.max(...sent);
          script.at(nowMs, next);
          for (const command of script.commands.slice(known)) {
            if (command.type === 'open-gate') expect(committed.has(command.epoch)).toBe(true);
            if (command.type === 'send-key' && !sent.has(command.epoch)) expect(received.has(newest)).toBe(true);
            if (command.type === 'send-key') sent.add(command.epoch);
            if (over) expect(command.type).toBe('record-end');
          }
        }
        expect(script.commands.filter(({ type }) => type === 'record-end').length).toBeLessThanOrEqual(1);
        expect(script.commands.filter(({ type }) => type === 'record-start').length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 500 },
    );
  });
});
