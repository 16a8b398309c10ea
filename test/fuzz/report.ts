import { tableLines } from '../../src/cli/table.ts';
import type { FuzzResult } from './fuzz.ts';

const whole = (value: number): string => Math.round(value).toLocaleString('en');
const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);

/** For people: a line for each target, then what became of its inputs. */
export function* reportLines(results: readonly FuzzResult[]): Generator<string> {
  const right = 'right' as const;
  yield* tableLines(
    [
      { title: 'target' },
      { title: 'inputs', align: right },
      { title: 'inputs/s', align: right },
      { title: 'RSS MiB: begin, 10 %, end', align: right },
      { title: 'heap MiB: begin, 10 %, end', align: right },
      { title: 'result' },
    ],
    results.map(({ target, inputs, seconds, memory, failure }) => [
      target,
      whole(inputs),
      whole(inputs / seconds),
      memory.map(({ rssBytes }) => mib(rssBytes)).join(', '),
      memory.map(({ heapBytes }) => mib(heapBytes)).join(', '),
      failure ? 'FAILED' : 'held',
    ]),
  );
  yield '\n';
  yield* tableLines(
    [{ title: 'target' }, { title: 'outcome' }, { title: 'inputs', align: right }, { title: 'share', align: right }],
    results.flatMap(({ target, inputs, outcomes }) =>
      Object.entries(outcomes)
        .sort(([, a], [, b]) => b - a)
        .map(([outcome, count]) => [target, outcome, whole(count), `${((100 * count) / inputs).toFixed(2)} %`]),
    ),
  );
  for (const { target, failure } of results) {
    if (!failure) continue;
    const where = failure.index === undefined ? 'after its inputs' : `at input ${failure.index}`;
    yield `\n${target} failed ${where}: ${failure.message}\nagain: ${failure.again}\n`;
  }
}
