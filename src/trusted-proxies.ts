import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { plainAddress } from './connection-addresses.ts';

/** Whom a request comes from. `address` is undefined where a trusted proxy does not say. */
export interface Client {
  readonly address: string | undefined;
  readonly isProxied: boolean;
}

/** An address, or a network as `10.0.0.0/8`. */
export function isAddressOrNetwork(text: string): boolean {
  const [address = '', bits, more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || more !== undefined) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

/**
 * The reverse proxies whose `X-Forwarded-For` is believed. Of what it lists, the last address that is not a trusted proxy itself
 * is the client: what stands before that, the client may have made up.
 */
export class TrustedProxies {
  readonly #networks = new BlockList();

  /** @param networks each as `isAddressOrNetwork` has it */
  constructor(networks: readonly string[]) {
    for (const network of networks) {
      const [address = '', bits] = network.split('/');
      const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
      if (bits === undefined) this.#networks.addAddress(address, family);
      else this.#networks.addSubnet(address, Number(bits), family);
    }
  }

  has(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#networks.check(address, family === 4 ? 'ipv4' : 'ipv6');
  }

  clientOf({ socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>): Client {
    const peer = plainAddress(socket.remoteAddress ?? '');
    if (!this.has(peer)) return { address: peer, isProxied: false };
    // Node joins several headers of that name into one.
    const listed = [headers['x-forwarded-for'] ?? ''].flat().join().split(',');
    const hops = listed.map((hop) => plainAddress(withoutPort(hop.trim()))).reverse();
    const address = hops.find((hop) => !this.has(hop)) ?? hops.at(-1);
    return { address: address !== undefined && isIP(address) !== 0 ? address : undefined, isProxied: true };
  }
}

/** As some proxies write it: `192.0.2.1:5555`, `[2001:db8::1]:5555`, `[2001:db8::1]`. */
const withoutPort = (hop: string): string => hop.replace(/^\[(.*)\](:\d+)?$/, '$1').replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1');
