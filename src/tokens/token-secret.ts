import { createHash } from 'node:crypto';

/** A secret that signs viewer and operator tokens, and what their headers call it (`kid`, RFC 7515, section 4.1.4). */
export interface TokenSecret {
  readonly kid: string;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

const KID_CHARS = 16;

export const tokenSecret = (secret: Uint8Array): TokenSecret => ({ kid: kidOf(secret), secret });

/** From its thumbprint as a JWK (RFC 7638, SHA-256, base64url), which of 256 random bits gives nothing away: the first 16 characters. */
export function kidOf(secret: Uint8Array): string {
  const jwk = JSON.stringify({ k: Buffer.from(secret).toString('base64url'), kty: 'oct' });
  return createHash('sha256').update(jwk).digest('base64url').slice(0, KID_CHARS);
}
