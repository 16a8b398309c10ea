import { EventEmitter } from 'node:events';
import { expect, test } from '@jest/globals';
import { onInterruption } from '../../src/cli/interruption.ts';

class Exited extends Error {}

/** A process as far as signals go. */
class FakeProcess extends EventEmitter {
  exitCode: number | undefined;

  exit(code: number): never {
    this.exitCode = code;
    throw new Exited();
  }
}

test('the first signal stops, its echo is ignored, and a second one ends the process at once', () => {
  const host = new FakeProcess();
  let nowMs = 1_000;
  let stops = 0;
  const restore = onInterruption(() => stops++, { host, nowMs: () => nowMs });
  host.emit('SIGINT', 'SIGINT');
  host.emit('SIGINT', 'SIGINT'); // npm passes on what the terminal has sent already
  expect([stops, host.exitCode]).toEqual([1, undefined]);
  nowMs += 2_000;
  expect(() => host.emit('SIGTERM', 'SIGTERM')).toThrow(Exited);
  expect([stops, host.exitCode]).toEqual([1, 143]);
  restore();
  expect(host.emit('SIGINT', 'SIGINT')).toBe(false);
});
