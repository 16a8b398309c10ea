import type { JWTVerifyGetKey } from 'jose';
import type { Logger } from 'pino';
import { messageOf } from '../errors.ts';
import { keysAt, keysIn } from './issuer-keys.ts';

/** What an issuer besides the relay may sign with. Public keys only: whoever verifies must not be able to sign. */
export const ISSUER_ALGORITHMS = ['ES256', 'EdDSA', 'RS256'] as const;

/** As the configuration has it; one of `jwksFile` and `jwksUrl`. */
export interface IssuerConfig {
  readonly issuer: string;
  readonly jwksFile?: string | undefined;
  readonly jwksUrl?: string | undefined;
  readonly algorithms: readonly (typeof ISSUER_ALGORITHMS)[number][];
  readonly audience: string;
}

/** A site that signs tokens for its own viewers. */
export interface TokenIssuer {
  /** `iss` of its tokens. */
  readonly issuer: string;
  readonly audience: string;
  readonly algorithms: readonly string[];
  readonly keys: JWTVerifyGetKey;
}

/** @throws TollcastError `config-invalid` where a file of keys is broken */
export function tokenIssuer({ issuer, jwksFile, jwksUrl, audience, algorithms }: IssuerConfig, log: Logger): TokenIssuer {
  const faulty = (error: unknown) =>
    log.error(
      { issuer, reason: messageOf(error) },
      "an issuer's new keys cannot be used: those before stay in place; put the file right",
    );
  return { issuer, audience, algorithms, keys: jwksFile === undefined ? keysAt(jwksUrl ?? '') : keysIn(jwksFile, faulty) };
}

/** Between an issuer and what it calls something: no two issuers' viewers, and no two issuers' tokens, are ever taken for the same. */
export const issuedName = (issuer: string, name: string): string => `${issuer}|${name}`;
