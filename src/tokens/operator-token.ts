import { SignJWT } from 'jose';
import { kidOf } from './token-secret.ts';
import { AUDIENCE, ISSUER, TOKEN_ALGORITHM } from './viewer-token.ts';

/** What lets an operator see and revoke viewings over HTTP: a JWT like a viewer's, of another type, so that neither passes for the other. */
export const OPERATOR_TOKEN = 'operator+jwt';

export function signOperatorToken(ttlSeconds: number, secret: Uint8Array): Promise<string> {
  return new SignJWT()
    .setProtectedHeader({ alg: TOKEN_ALGORITHM, typ: OPERATOR_TOKEN, kid: kidOf(secret) })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setSubject('operator')
    .setJti(crypto.randomUUID())
    .setIssuedAt()
    .setExpirationTime(new Date(Date.now() + ttlSeconds * 1_000))
    .sign(secret);
}
