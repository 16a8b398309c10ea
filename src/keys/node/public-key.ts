import { createPublicKey, hash, type KeyObject } from 'node:crypto';
import type { PublicJwk } from '../device.ts';

/** @throws where the point is not on the curve */
export const importPublicKey = (jwk: PublicJwk): KeyObject => createPublicKey({ key: jwk, format: 'jwk' });

/** RFC 7638 thumbprint (SHA-256, base64url): the members in the order that section 3 asks for. */
export const thumbprint = ({ crv, kty, x, y }: PublicJwk): string =>
  hash('sha256', JSON.stringify({ crv, kty, x, y }), 'base64url');
