import type { KeyObject } from 'node:crypto';
import { OpeningStatement } from '../encryptor-opening.ts';
import { verifySelfSigned } from './jws.ts';
import { importPublicKey, thumbprint } from './public-key.ts';

export interface VerifiedOpening {
  readonly statement: OpeningStatement;
  /** RFC 7638 thumbprint of the signing key: names the process. */
  readonly process: string;
  readonly signKey: KeyObject;
  readonly agreeKey: KeyObject;
}

/** Verifies an opening against the key that it names. The caller checks encryptor and challenge. */
export function verifyOpening(jws: string): VerifiedOpening {
  const { statement, jwk, key } = verifySelfSigned('tollcast-encryptor+jws', jws, OpeningStatement);
  return { statement, process: thumbprint(jwk), signKey: key, agreeKey: importPublicKey(statement.agree) };
}
