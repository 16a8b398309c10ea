import fc from 'fast-check';
import type { Entry } from '../../src/ledger/entry.ts';
import { consent, receipt } from './support-entries.ts';

/** An entry and when it is made. */
export interface Happening {
  readonly atMs: number;
  readonly entry: Entry;
}

const program = 'p';
const broadcast = fc.constantFrom('b1', 'b2');
const viewing = fc.constantFrom('v1', 'v2', 'v3');
const viewer = fc.constantFrom('ann', 'bob');
const epoch = fc.integer({ min: 1, max: 4 });

/** How much later than the one before each happens; some `atMs` lie a little before their entry, as they do in life. */
const step = fc.record({ afterMs: fc.nat(3_000), agoMs: fc.nat(200) });

type Make = (atMs: number) => Entry;
const act: fc.Arbitrary<Make> = fc.oneof(
  fc.constant<Make>(() => ({ kind: 'life' })),
  broadcast.map(
    (b): Make =>
      () => ({ kind: 'broadcast-started', program, broadcast: b }),
  ),
  broadcast.map(
    (b): Make =>
      (atMs) => ({ kind: 'broadcast-ended', program, broadcast: b, atMs, reason: 'unpublished' }),
  ),
  fc.tuple(broadcast, epoch).map(
    ([b, e]): Make =>
      () => ({ kind: 'epoch-reserved', program, broadcast: b, epoch: e }),
  ),
  fc.tuple(broadcast, epoch).map(
    ([b, e]): Make =>
      (atMs) => ({ kind: 'epoch-begun', program, broadcast: b, epoch: e, atMs }),
  ),
  fc.tuple(viewing, viewer, broadcast).map(
    ([v, who, b]): Make =>
      () =>
        consent(v, who, program, b),
  ),
  fc.tuple(viewing, epoch).map(
    ([v, e]): Make =>
      () =>
        receipt(v, e),
  ),
  viewing.map(
    (v): Make =>
      (atMs) => ({ kind: 'viewing-started', viewing: v, atMs }),
  ),
  viewing.map(
    (v): Make =>
      (atMs) => ({ kind: 'viewing-ended', viewing: v, reason: 'stopped', atMs }),
  ),
  fc.tuple(viewing, epoch, fc.nat(2_000)).map(
    ([v, e, ms]): Make =>
      (atMs) => ({ kind: 'served', program, epoch: e, spans: [[v, Math.max(0, atMs - ms), atMs]] }),
  ),
);

/** Begins as histories do and goes on as none should: out of order, repeated, about what does not exist. */
export const history: fc.Arbitrary<Happening[]> = fc.array(fc.tuple(step, act), { maxLength: 60 }).map((acts) => {
  let nowMs = 0;
  const opening: Entry[] = [
    { kind: 'broadcast-started', program, broadcast: 'b1' },
    { kind: 'epoch-reserved', program, broadcast: 'b1', epoch: 1 },
    { kind: 'epoch-begun', program, broadcast: 'b1', epoch: 1, atMs: 0 },
    consent('v1', 'ann', program, 'b1'),
    receipt('v1', 1),
  ];
  const rest = acts.map(([{ afterMs, agoMs }, make]) => {
    nowMs += afterMs;
    return { atMs: nowMs, entry: make(Math.max(0, nowMs - agoMs)) };
  });
  return [...opening.map((entry) => ({ atMs: 0, entry })), ...rest];
});
