import { createHash, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { PublicJwk } from '../device.ts';

export interface Agreement {
  /** The ephemeral public key, for the header. */
  readonly epk: PublicJwk;
  /** 32 bytes. The caller overwrites them once they are of no more use. */
  readonly agreed: Buffer;
}

/**
 * ECDH-ES with a key of its own for this once (RFC 7518, section 4.6), as far as one round of its Concat KDF goes: 256 bits.
 * @param agree a P-256 public key
 * @param algorithm what the agreed key is for: `enc`, where it encrypts the content itself
 */
export function agreeWith(agree: KeyObject, algorithm: string): Agreement {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const secret = diffieHellman({ privateKey, publicKey: agree });
  const agreed = createHash('sha256').update(ROUND_ONE).update(secret).update(otherInfo(algorithm)).digest();
  secret.fill(0);
  return { epk: PublicJwk.parse(publicKey.export({ format: 'jwk' })), agreed };
}

const ROUND_ONE = Buffer.of(0, 0, 0, 1);

/** Section 4.6.2: the algorithm, nobody's names, and how many bits. */
function otherInfo(algorithm: string): Buffer {
  const info = Buffer.alloc(4 + algorithm.length + 4 + 4 + 4);
  info.writeUInt32BE(algorithm.length, 0);
  info.write(algorithm, 4, 'latin1');
  info.writeUInt32BE(256, info.length - 4);
  return info;
}
