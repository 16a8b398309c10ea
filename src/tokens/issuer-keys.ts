import { readFileSync } from 'node:fs';
import { createLocalJWKSet, createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import { checked } from '../checked.ts';
import { messageOf, TollcastError } from '../errors.ts';
import { fileStamp } from '../file-stamp.ts';

const FETCH_TIMEOUT_MS = 3_000;
/** How long fetched keys count; a site that takes a key away is obeyed within this. */
const CACHE_MS = 600_000;
/** A token whose key is not among them has them fetched again, but no more often than this. */
const REFETCH_MS = 30_000;
/** What failed is not tried again for so long: whoever sends tokens must not make a relay beat on a site. */
const RETRY_MS = 2_000;
const MAX_JWKS_BYTES = 262_144;

/** An issuer's keys cannot be had now. */
export class KeysUnreachable extends Error {
  override readonly name = 'KeysUnreachable';
}

/** The keys at an issuer's URL: fetched when they are first needed, and kept for ten minutes. @throws KeysUnreachable */
export function keysAt(url: string): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(new URL(url), {
    timeoutDuration: FETCH_TIMEOUT_MS,
    cooldownDuration: REFETCH_MS,
    cacheMaxAge: CACHE_MS,
    [customFetch]: sparingFetch(),
  });
  return async (header, token) => {
    try {
      return await remote(header, token);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error;
      throw new KeysUnreachable(messageOf(error), { cause: error });
    }
  };
}

function sparingFetch(): typeof fetch {
  let failed: { readonly error: unknown; readonly atMs: number } | undefined;
  return async (input, options) => {
    if (failed !== undefined && performance.now() - failed.atMs < RETRY_MS) throw failed.error;
    failed = undefined;
    try {
      const response = await fetch(input, options);
      if (response.status !== 200) throw new Error(`HTTP status ${response.status} instead of 200`);
      const text = (await bounded(response)).toString();
      demandJwks(text);
      return new Response(text);
    } catch (error) {
      failed = { error, atMs: performance.now() };
      throw error;
    }
  };
}

/** Of other kinds of keys too, for a site may publish them for others. */
function demandJwks(text: string): void {
  try {
    createLocalJWKSet(JSON.parse(text));
  } catch {
    throw new Error('that is no JWK set');
  }
}

async function bounded({ body }: Response): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body ?? []) {
    bytes += piece.length;
    if (bytes > MAX_JWKS_BYTES) throw new Error(`more than ${MAX_JWKS_BYTES} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/**
 * The keys in a file, read again when it is another. One that is broken then leaves the keys before it in place.
 * @param faulty is told about that, once
 * @throws TollcastError `config-invalid` where it is broken from the start
 */
export function keysIn(file: string, faulty: (error: unknown) => void): JWTVerifyGetKey {
  let stamp = fileStamp(file);
  let keys = readKeys(file);
  return (header, token) => {
    const now = fileStamp(file);
    if (now !== stamp) {
      stamp = now;
      try {
        keys = readKeys(file);
      } catch (error) {
        faulty(error);
      }
    }
    return keys(header, token);
  };
}

const PublicKey = z
  .looseObject({ kty: z.enum(['EC', 'OKP', 'RSA']) })
  .refine((jwk) => !('d' in jwk), 'has the private half of its key in it, which must stay with the issuer');

/** RFC 7517, section 5. */
const PublicKeys = z.object({ keys: z.array(PublicKey).min(1) });

function readKeys(file: string): ReturnType<typeof createLocalJWKSet> {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    // A parser's message shows what it was given.
    const reason = error instanceof SyntaxError ? 'it is not JSON' : messageOf(error);
    throw new TollcastError('config-invalid', `an issuer's keys cannot be read from ${file}: ${reason}`);
  }
  const parsed = checked(PublicKeys, json);
  if (parsed.success) return createLocalJWKSet(parsed.data);
  throw new TollcastError('config-invalid', `${file} is no JWK set of public keys (EC, OKP or RSA): ${parsed.problem}`);
}
