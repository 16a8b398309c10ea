import { expect, test } from '@jest/globals';
import { addressGroup, ConnectionAddresses, plainAddress } from '../src/connection-addresses.ts';

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
])('%s counts as %s', (address, group) => {
  expect(addressGroup(address)).toBe(group);
});

test('An IPv4 address is written as one, whatever socket it came through', () => {
  expect(plainAddress('::FFFF:192.0.2.7')).toBe('192.0.2.7');
  expect(plainAddress('2001:db8::1')).toBe('2001:db8::1');
});

test('Who leaves makes room, for its own address only', () => {
  const addresses = new ConnectionAddresses(1);
  const leave = addresses.enter('2001:db8::1');
  expect(addresses.enter('2001:db8::2')).toBeUndefined();
  expect(addresses.enter('2001:db8:1::1')).toBeDefined();
  leave?.();
  expect(addresses.enter('2001:db8::2')).toBeDefined();
});

test('Who leaves twice makes room once', () => {
  const addresses = new ConnectionAddresses(2);
  const leave = addresses.enter('192.0.2.7');
  addresses.enter('192.0.2.7');
  leave?.();
  leave?.();
  expect(addresses.count('::ffff:192.0.2.7')).toBe(1);
});
