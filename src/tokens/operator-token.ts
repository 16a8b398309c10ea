import { jwtVerify, SignJWT } from 'jose';
import { AUDIENCE, ISSUER, TOKEN_ALGORITHM } from './viewer-token.ts';

/** What lets an operator see and revoke viewings over HTTP: a JWT like a viewer's, of another type, so that neither passes for the other. */
const OPERATOR = 'operator+jwt';

export function signOperatorToken(ttlSeconds: number, secret: Uint8Array): Promise<string> {
  return new SignJWT()
    .setProtectedHeader({ alg: TOKEN_ALGORITHM, typ: OPERATOR })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setSubject('operator')
    .setJti(crypto.randomUUID())
    .setIssuedAt()
    .setExpirationTime(new Date(Date.now() + ttlSeconds * 1_000))
    .sign(secret);
}

/** @throws jose's JOSEError for anything but a valid operator token */
export async function verifyOperatorToken(token: string, secret: Uint8Array): Promise<void> {
  await jwtVerify(token, secret, {
    algorithms: [TOKEN_ALGORITHM],
    issuer: ISSUER,
    audience: AUDIENCE,
    typ: OPERATOR,
    requiredClaims: ['exp'],
  });
}
