import { decodeJwt, decodeProtectedHeader, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
import { messageOf } from '../errors.ts';
import { bytesOf } from '../keys/node/base64url.ts';
import { Refusal } from '../protocol/refusal.ts';
import { KeysUnreachable } from './issuer-keys.ts';
import { OPERATOR_TOKEN } from './operator-token.ts';
import { issuedName, type TokenIssuer } from './token-issuer.ts';
import type { TokenSecret } from './token-secret.ts';
import { AUDIENCE, ISSUER, TOKEN_ALGORITHM, VIEWER_TOKEN, type ViewerToken, viewerTokenOf } from './viewer-token.ts';

/** The secrets that own tokens may be signed with now. */
export interface ValidSecrets {
  valid(): readonly TokenSecret[];
}

const VIEWER_RULES = { typ: VIEWER_TOKEN, requiredClaims: ['exp', 'sub', 'jti', 'program'] } satisfies JWTVerifyOptions;
const OPERATOR_RULES = { typ: OPERATOR_TOKEN, requiredClaims: ['exp'] } satisfies JWTVerifyOptions;

/**
 * A viewer's token, to be verified when it suits, with the keys that there were.
 * @param agoMs when it was shown: one that has expired since is good still
 * @throws Refusal `token-expired`, `token-invalid`
 */
export type ReadyToken = (agoMs: number) => Promise<ViewerToken>;

/** Verifies tokens (docs/PROTOCOL.md, "Viewer token"): of the relay itself, and viewers' of the issuers that it is told to trust. */
export class TokenVerifier {
  readonly #secrets: ValidSecrets;
  readonly #issuers: ReadonlyMap<string, TokenIssuer>;

  constructor(secrets: ValidSecrets, issuers: readonly TokenIssuer[] = []) {
    this.#secrets = secrets;
    this.#issuers = new Map(issuers.map((issuer) => [issuer.issuer, issuer]));
  }

  /** See `ready`. @throws Refusal */
  async viewer(token: string): Promise<ViewerToken> {
    const verified = await this.ready(token);
    return verified(0);
  }

  /**
   * Has at hand what a viewer's token is verified with, and verifies nothing yet. An issuer's keys may have to be fetched for that, which
   * takes as long as its site does: whoever can should keep nobody waiting meanwhile.
   * @throws Refusal `token-invalid` where no key would do, `unavailable` where its issuer's keys cannot be fetched
   */
  async ready(token: string): Promise<ReadyToken> {
    try {
      // One token has one text: who waits is counted by it, and jose would take others for it.
      for (const part of token.split('.')) bytesOf(part);
      const issuer = this.#issuers.get(decodeJwt(token).iss ?? '');
      const secrets = this.#secrets.valid();
      const verify =
        issuer === undefined
          ? (rules: JWTVerifyOptions) => this.#ownViewer(token, rules, secrets)
          : await issuedViewer(token, issuer);
      return async (agoMs) => {
        try {
          return await verify({ ...VIEWER_RULES, currentDate: new Date(Date.now() - agoMs) });
        } catch (error) {
          throw refusalOf(error);
        }
      };
    } catch (error) {
      throw refusalOf(error);
    }
  }

  /** Only the relay itself makes operators. @throws jose's JOSEError for anything but a valid operator token */
  async operator(token: string): Promise<void> {
    await verifyOwn(token, OPERATOR_RULES, this.#secrets.valid());
  }

  async #ownViewer(token: string, rules: JWTVerifyOptions, secrets: readonly TokenSecret[]): Promise<ViewerToken> {
    const own = viewerTokenOf(await verifyOwn(token, rules, secrets));
    const taken = [...this.#issuers.keys()].find((issuer) =>
      [own.viewer, own.id].some((name) => name.startsWith(issuedName(issuer, ''))),
    );
    if (taken === undefined) return own;
    throw new Refusal('token-invalid', `the viewer token's sub or jti is one of the issuer ${taken}, who has not signed it`);
  }
}

/** `kid` names the secret; without it, as a site that signs for itself may leave it out, any that is valid will do. */
async function verifyOwn(token: string, rules: JWTVerifyOptions, secrets: readonly TokenSecret[]): Promise<JWTPayload> {
  const { kid } = decodeProtectedHeader(token);
  let failure: unknown = new errors.JWTInvalid('signed with a secret that is not valid here, or no longer');
  for (const { secret } of secrets.filter((each) => kid === undefined || kid === each.kid)) {
    try {
      const own = { ...rules, algorithms: [TOKEN_ALGORITHM], issuer: ISSUER, audience: AUDIENCE };
      return (await jwtVerify(token, secret, own)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
      failure = error;
    }
  }
  throw failure;
}

async function issuedViewer(token: string, of: TokenIssuer): Promise<(rules: JWTVerifyOptions) => Promise<ViewerToken>> {
  const { issuer, audience, algorithms } = of;
  const key = await issuersKey(token, of);
  return async (rules) => {
    const { payload } = await jwtVerify(token, key, { ...rules, algorithms: [...algorithms], issuer, audience });
    const viewerToken = viewerTokenOf(payload);
    return { ...viewerToken, viewer: issuedName(issuer, viewerToken.viewer), id: issuedName(issuer, viewerToken.id) };
  };
}

async function issuersKey(token: string, { issuer, algorithms, keys }: TokenIssuer) {
  const { alg = '', ...header } = decodeProtectedHeader(token);
  // No site is asked for a key that must not be used.
  if (!algorithms.includes(alg)) throw new errors.JOSEAlgNotAllowed('signed in a way that is not allowed to its issuer');
  try {
    return await keys({ alg, ...header }, { payload: '', signature: '' });
  } catch (error) {
    if (!(error instanceof KeysUnreachable)) throw error;
    throw new Refusal('unavailable', `the keys of the token's issuer ${issuer} cannot be had now: ${error.message}`);
  }
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof errors.JWTExpired) return new Refusal('token-expired', 'the viewer token has expired; ask for a new one');
  return new Refusal('token-invalid', `the viewer token is not valid here: ${messageOf(error)}`);
}
