import { errors } from 'jose';
import { messageOf } from '../errors.ts';
import { keysAt, keysIn } from '../tokens/issuer-keys.ts';
import type { IssuerConfig } from '../tokens/token-issuer.ts';
import { type Found, ok, problem } from './finding.ts';

/** Whether an issuer's keys can be had now. @throws TollcastError `config-invalid` where a file is broken */
export async function issuerKeys({ issuer, jwksFile, jwksUrl = '' }: IssuerConfig): Promise<Found> {
  if (jwksFile !== undefined) {
    keysIn(jwksFile, () => undefined);
    return ok(`${issuer}: ${jwksFile} holds keys`);
  }
  try {
    // For a key that nobody has.
    await keysAt(jwksUrl)({ alg: 'ES256', kid: 'tollcast-doctor' }, { payload: '', signature: '' });
  } catch (error) {
    if (!(error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys))
      return problem(
        `${issuer}: no keys from ${jwksUrl}: ${messageOf(error)}`,
        'its viewers are refused until that answers: correct jwksUrl, or have it answer',
      );
  }
  return ok(`${issuer}: ${jwksUrl} answers with keys`);
}
