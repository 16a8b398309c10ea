import { expect, test } from '@jest/globals';
import { AddressTurns } from '../../src/api/address-turns.ts';
import { FakeTime } from '../media/fake-time.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('turns of an address go round in the order of asking, others do not notice, and who waits in vain is told', async () => {
  const time = new FakeTime();
  const turns = new AddressTurns(1, 100, time);
  const got: string[] = [];
  const leaves: (() => void)[] = [];
  const ask = (name: string, address = '192.0.2.1') =>
    turns.take(address).then((leave) => {
      got.push(leave === undefined ? `${name} in vain` : name);
      if (leave !== undefined) leaves.push(leave);
    });
  for (const name of ['a', 'b', 'c', 'd']) void ask(name);
  void ask('other', '192.0.2.2');
  await settled();
  expect(got.sort()).toEqual(['a', 'other']);
  got.length = 0;
  leaves[0]?.();
  leaves[0]?.();
  await settled();
  expect(got).toEqual(['b']);
  time.advance(100);
  await settled();
  expect(got).toEqual(['b', 'c in vain', 'd in vain']);
  for (const leave of leaves) leave();
  await ask('e');
  expect([got.at(-1), time.waiting]).toEqual(['e', 0]);
});
