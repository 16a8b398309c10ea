import { SignJWT } from 'jose';
import { z } from 'zod';
import { checked } from '../checked.ts';
import { Refusal } from '../protocol/refusal.ts';
import { kidOf } from './token-secret.ts';

/**
 * Who a viewer is and what it may watch, as a JWT (RFC 7519) signed by whoever the operator trusts with that: with HS256 under
 * the relay's own secret, or by an issuer of its own (tokens/token-issuer.ts). `exp` is checked when a viewing begins, and only then (DESIGN.md, section 4).
 */
export const AUDIENCE = 'tollcast';
export const ISSUER = 'tollcast';
export const TOKEN_ALGORITHM = 'HS256';
export const VIEWER_TOKEN = 'viewer+jwt';

const Decimal = z.string().regex(/^(0|[1-9]\d{0,11})(\.\d{1,4})?$/);

const ViewerClaims = z.object({
  sub: z.string().min(1).max(256),
  program: z.union([z.string(), z.array(z.string()).min(1).max(1_000)]),
  jti: z.string().min(1).max(128),
  exp: z.int(),
  /** RFC 7800; `jkt` as in RFC 9449: the only device that may use it. */
  cnf: z.object({ jkt: z.string() }).optional(),
  /** Spending cap: the most that all viewings with this token may cost, a decimal in the tariff's currency. */
  cap: Decimal.optional(),
});

export interface ViewerToken {
  /** Who pays: `sub`; of another issuer `ISSUER|SUB`. */
  readonly viewer: string;
  readonly programs: readonly string[];
  /** Names it in bills, and is what its cap is counted by: `jti`; of another issuer `ISSUER|JTI`. */
  readonly id: string;
  /** Thumbprint of the signing key of the only device that may use it. */
  readonly device?: string;
  readonly cap?: string;
}

export interface NewViewerToken {
  readonly viewer: string;
  readonly programs: readonly string[];
  readonly ttlSeconds: number;
  readonly device?: string;
  readonly cap?: string;
}

export function signViewerToken(token: NewViewerToken, secret: Uint8Array): Promise<string> {
  const { programs, device, cap } = token;
  return new SignJWT({
    program: programs.length === 1 ? programs[0] : programs,
    ...(device === undefined ? {} : { cnf: { jkt: device } }),
    ...(cap === undefined ? {} : { cap }),
  })
    .setProtectedHeader({ alg: TOKEN_ALGORITHM, typ: VIEWER_TOKEN, kid: kidOf(secret) })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setSubject(token.viewer)
    .setJti(crypto.randomUUID())
    .setIssuedAt()
    .setExpirationTime(new Date(Date.now() + token.ttlSeconds * 1_000))
    .sign(secret);
}

/**
 * What a verified token says. @param claims the payload
 * @throws Refusal `token-invalid`
 */
export function viewerTokenOf(claims: object): ViewerToken {
  const parsed = checked(ViewerClaims, claims);
  if (!parsed.success) throw new Refusal('token-invalid', `the viewer token's claims are wrong: ${parsed.problem}`);
  const { sub, program, jti, cnf, cap } = parsed.data;
  return {
    viewer: sub,
    programs: typeof program === 'string' ? [program] : program,
    id: jti,
    ...(cnf === undefined ? {} : { device: cnf.jkt }),
    ...(cap === undefined ? {} : { cap }),
  };
}
