import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { isAddressOrNetwork, TrustedProxies } from '../src/trusted-proxies.ts';

const proxies = new TrustedProxies(['10.0.0.0/8', '192.0.2.1', '2001:db8:1::/48']);

const clientOf = (remoteAddress: string, forwardedFor?: string) =>
  proxies.clientOf({ socket: { remoteAddress }, headers: { 'x-forwarded-for': forwardedFor } } as unknown as IncomingMessage);

describe('the client of a request', () => {
  test.each([
    ['that came directly', '198.51.100.7', undefined, '198.51.100.7', false],
    ['that claims another address', '198.51.100.7', '203.0.113.9', '198.51.100.7', false],
    ['through a proxy', '10.1.2.3', '198.51.100.7', '198.51.100.7', true],
    ['through a proxy, over an IPv6 socket', '::ffff:10.1.2.3', '::ffff:198.51.100.7', '198.51.100.7', true],
    ['that wrote a header itself, through a proxy', '192.0.2.1', '203.0.113.9, 198.51.100.7', '198.51.100.7', true],
    ['through two proxies', '192.0.2.1', '203.0.113.9, 198.51.100.7, 10.0.0.4', '198.51.100.7', true],
    ['of a proxy itself', '10.1.2.3', undefined, undefined, true],
    ['whose address the proxy does not know', '10.1.2.3', '203.0.113.9, unknown', undefined, true],
    ['within the trusted network', '10.1.2.3', '10.9.9.9', '10.9.9.9', true],
    ['over IPv6', '2001:db8:1::5', '2001:db8:2::1', '2001:db8:2::1', true],
    ['with a port', '10.1.2.3', '192.0.2.1:5555', '192.0.2.1', true],
    ['over IPv6 with a port', '10.1.2.3', '[2001:db8:2::1]:5555', '2001:db8:2::1', true],
  ])('%s', (_, peer, forwardedFor, address, isProxied) => {
    expect(clientOf(peer, forwardedFor)).toEqual({ address, isProxied });
  });
});

test.each([
  ['10.0.0.7', true],
  ['10.0.0.0/8', true],
  ['2001:db8::/32', true],
  ['10.0.0.0/33', false],
  ['10.0.0.0/', false],
  ['10.0.0.0/8/8', false],
  ['proxy.example', false],
  ['*', false],
])('%s may be a trusted proxy: %s', (text, may) => {
  expect(isAddressOrNetwork(text)).toBe(may);
});
