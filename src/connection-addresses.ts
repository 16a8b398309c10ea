import { isIPv6 } from 'node:net';

/** An address as it is best read: an IPv4 address that came through an IPv6 socket is an IPv4 address. */
export const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');

/** What counts as one address: of IPv6 the /64, which is the least that one subscriber is given (RFC 6177). */
export function addressGroup(address: string): string {
  const plain = plainAddress(address);
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = plain.replace(/%.*$/, '').split('::');
  const before = head.split(':').filter(Boolean);
  const after = (tail ?? '').split(':').filter(Boolean);
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array<string>(Math.max(0, zeros)).fill('0'), ...after];
  return groups.slice(0, 4).join(':');
}

/** How many connections each address has. */
export class ConnectionAddresses {
  readonly #counts = new Map<string, number>();
  readonly #maxPerAddress: number;

  constructor(maxPerAddress: number) {
    this.#maxPerAddress = maxPerAddress;
  }

  /** How many an address has now. */
  count(address: string): number {
    return this.#counts.get(addressGroup(address)) ?? 0;
  }

  /** Counts one more; what it returns counts it out again, once. Undefined if the address has as many as it may. */
  enter(address: string): (() => void) | undefined {
    const group = addressGroup(address);
    const count = this.#counts.get(group) ?? 0;
    if (count >= this.#maxPerAddress) return undefined;
    this.#counts.set(group, count + 1);
    let isIn = true;
    return () => {
      if (isIn) this.#leave(group);
      isIn = false;
    };
  }

  #leave(group: string): void {
    const count = this.#counts.get(group) ?? 0;
    if (count > 1) this.#counts.set(group, count - 1);
    else this.#counts.delete(group);
  }
}
