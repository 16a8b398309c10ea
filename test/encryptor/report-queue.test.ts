import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Draft, ReportQueue } from '../../src/encryptor/report-queue.ts';
import { MAX_REPORTS } from '../../src/protocol/encryptor-messages.ts';

const RUN = { program: 'news', broadcast: 'b1' };
const AWAY: Draft = { type: 'away' };
const BACK: Draft = { type: 'back' };
const began = (epoch: number): Draft => ({ type: 'began', epoch });
const types = (reports: readonly { readonly type: string }[]) => reports.map(({ type }) => type);

describe('reports of a broadcast', () => {
  test('are repeated, as much older as they have become, until they are heard', () => {
    const queue = new ReportQueue(RUN);
    queue.add(began(1), 1_000);
    expect(queue.unsent(1_010)).toEqual([{ type: 'began', epoch: 1, ...RUN, seq: 1, agoMs: 10 }]);
    expect(queue.unsent(1_020)).toEqual([]);
    queue.add(began(2), 2_000);
    expect(queue.all(9_000).map(({ seq, agoMs }) => [seq, agoMs])).toEqual([
      [1, 8_000],
      [2, 7_000],
    ]);
    queue.heard(1);
    expect(queue.all(9_500).map(({ seq, agoMs }) => [seq, agoMs])).toEqual([[2, 7_500]]);
    queue.heard(2);
    expect([queue.isEmpty, queue.heardSeq]).toEqual([true, 2]);
  });

  test('that an authority claims to have heard before they were sent are sent all the same', () => {
    const queue = new ReportQueue(RUN);
    queue.add(AWAY, 0);
    queue.heard(5);
    expect(types(queue.all(0))).toEqual(['away']);
  });

  test('of a broadcaster that comes and goes while nobody hears are its first going and its last coming', () => {
    const queue = new ReportQueue(RUN);
    for (let time = 0; time < 1_000; time += 2) {
      queue.add(AWAY, time);
      queue.add(BACK, time + 1);
    }
    expect(queue.all(1_000).map(({ type, agoMs }) => [type, agoMs])).toEqual([
      ['away', 1_000],
      ['back', 1],
    ]);
  });

  test('are bounded where they are sent and not heard', () => {
    const queue = new ReportQueue(RUN);
    for (let epoch = 1; epoch <= MAX_REPORTS; epoch++) queue.add(began(epoch), epoch);
    expect(() => queue.add(began(100), 100)).toThrow(`the last ${MAX_REPORTS} reports`);
    expect(queue.all(0)).toHaveLength(MAX_REPORTS);
  });

  test('reach the authority each once, in order, and leave it knowing whether the broadcaster is there, whatever is lost', () => {
    const step = fc.oneof(
      fc.constant('toggle' as const),
      fc.constant('epoch' as const),
      fc.constant('send' as const),
      fc.constant('lose' as const),
      fc.constant('reconnect' as const),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const queue = new ReportQueue(RUN);
        let [isAway, authorityAway, isLost] = [false, false, false];
        let [lastSeq, epoch] = [0, 0];
        const epochs: number[] = [];
        const deliver = (answered: boolean, reports: ReturnType<ReportQueue['all']>) => {
          for (const report of reports) {
            if (report.seq <= lastSeq) continue;
            expect(report.seq).toBe(lastSeq + 1);
            lastSeq = report.seq;
            if (report.type === 'began') epochs.push(report.epoch);
            if (report.type === 'away' || report.type === 'back') authorityAway = report.type === 'away';
          }
          if (answered) queue.heard(lastSeq);
        };
        for (const [at, each] of steps.entries()) {
          if (each === 'toggle') {
            isAway = !isAway;
            queue.add(isAway ? AWAY : BACK, at);
          } else if (each === 'epoch') queue.add(began(++epoch), at);
          else if (each === 'send' && !isLost) deliver(true, queue.unsent(at));
          else if (each === 'lose') {
            queue.unsent(at);
            isLost = true;
          } else if (each === 'reconnect') {
            // Taken, but perhaps not known to be.
            deliver(at % 2 === 0, queue.all(at));
            isLost = false;
          }
        }
        deliver(true, queue.all(1_000));
        expect([authorityAway, queue.isEmpty]).toEqual([isAway, true]);
        expect(epochs).toEqual(Array.from({ length: epoch }, (_, index) => index + 1));
      }),
    );
  });
});
