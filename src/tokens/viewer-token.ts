import { errors, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import { messageOf } from '../errors.ts';
import { Refusal } from '../protocol/refusal.ts';

/**
 * Who a viewer is and what it may watch, as a JWT (RFC 7519) signed by whoever the operator trusts with that: here with HS256 under
 * the relay's own secret. `exp` is checked when a viewing begins, and only then (DESIGN.md, section 4).
 */
export const AUDIENCE = 'tollcast';
export const ISSUER = 'tollcast';
export const TOKEN_ALGORITHM = 'HS256';
const VIEWER = 'viewer+jwt';

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
  readonly viewer: string;
  readonly programs: readonly string[];
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
    .setProtectedHeader({ alg: TOKEN_ALGORITHM, typ: VIEWER })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setSubject(token.viewer)
    .setJti(crypto.randomUUID())
    .setIssuedAt()
    .setExpirationTime(new Date(Date.now() + token.ttlSeconds * 1_000))
    .sign(secret);
}

/** @throws Refusal `token-expired`, `token-invalid` */
export async function verifyViewerToken(token: string, secret: Uint8Array): Promise<ViewerToken> {
  const { payload } = await jwtVerify(token, secret, {
    algorithms: [TOKEN_ALGORITHM],
    issuer: ISSUER,
    audience: AUDIENCE,
    typ: VIEWER,
    requiredClaims: ['exp', 'sub', 'jti', 'program'],
  }).catch((error: unknown) => {
    if (error instanceof errors.JWTExpired) throw new Refusal('token-expired', 'the viewer token has expired; ask for a new one');
    throw new Refusal('token-invalid', `the viewer token is not valid here: ${messageOf(error)}`);
  });
  const claims = ViewerClaims.safeParse(payload);
  if (!claims.success)
    throw new Refusal('token-invalid', `the viewer token's claims are wrong: ${z.prettifyError(claims.error)}`);
  const { sub, program, jti, cnf, cap } = claims.data;
  return {
    viewer: sub,
    programs: typeof program === 'string' ? [program] : program,
    id: jti,
    ...(cnf === undefined ? {} : { device: cnf.jkt }),
    ...(cap === undefined ? {} : { cap }),
  };
}
