import { expect, test } from '@jest/globals';
import { loadRelayConfig } from '../../src/config/relay-config.ts';
import { codeOf } from '../ledger/support.ts';

test('keys that cannot be answered in their period are refused in one clear line', () => {
  const load = (keys: object) => () => loadRelayConfig(undefined, { keys });
  expect(load({ periodMs: 2_000, minAnswerMs: 1_999 })).not.toThrow();
  expect(codeOf(load({ periodMs: 2_000, minAnswerMs: 2_000 }))).toBe('config-invalid');
  expect(load({ periodMs: 2_000, minAnswerMs: 2_000 })).toThrow(
    /^the configuration is wrong: keys: minAnswerMs = 2000 ms must be less than the period of 2000 ms[^\n]*$/,
  );
});
