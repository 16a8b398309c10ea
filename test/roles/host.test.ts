import { expect, test } from '@jest/globals';
import { pino } from 'pino';
import { running } from '../../src/roles/host.ts';

const silent = pino({ level: 'silent' });

test('a part that fails to be undone keeps no other from it, and is what close throws in the end', async () => {
  const undone: string[] = [];
  const { close } = await running(silent, async (host) => {
    host.onClose(() => void undone.push('lock'));
    host.onClose(async () => {
      throw new Error('the ledger');
    });
    host.onClose(() => {
      throw new Error('the bus');
    });
    host.onClose(() => void undone.push('server'));
    return {};
  });
  await expect(close()).rejects.toThrow('the bus');
  expect(undone).toEqual(['server', 'lock']);
  await close();
  expect(undone).toEqual(['server', 'lock']);
});

test('a composition that fails is undone, and fails by its own error', async () => {
  const undone: string[] = [];
  const composed = running(silent, async (host) => {
    host.onClose(() => void undone.push('lock'));
    host.onClose(() => {
      throw new Error('the bus');
    });
    throw new Error('the port is in use');
  });
  await expect(composed).rejects.toThrow('the port is in use');
  expect(undone).toEqual(['lock']);
});
