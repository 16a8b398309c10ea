import { hash, type KeyObject } from 'node:crypto';
import type { PublicJwk } from '../device.ts';
import { WatchStatement } from '../watch.ts';
import { verifySelfSigned } from './jws.ts';
import { importPublicKey } from './public-key.ts';

export interface VerifiedWatch {
  readonly statement: WatchStatement;
  readonly signJwk: PublicJwk;
  readonly signKey: KeyObject;
  readonly agreeKey: KeyObject;
}

/** SHA-256 of a viewer token's characters, base64url. */
export const tokenHash = (token: string): string => hash('sha256', token, 'base64url');

/** Verifies a watch statement against the key it names. The caller checks challenge, token hash, program and tariff. */
export function verifyWatch(jws: string): VerifiedWatch {
  const { statement, jwk, key } = verifySelfSigned('tollcast-watch+jws', jws, WatchStatement);
  return { statement, signJwk: jwk, signKey: key, agreeKey: importPublicKey(statement.agree) };
}
