import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** The test vectors of RFC 9605, appendix C, as its authors publish them (rfc9605.json). */
const Hex = z.string().transform((hex) => Buffer.from(hex, 'hex'));
const Uint64 = z.string().transform(BigInt);
const Suite = z.union([z.literal(1), z.literal(2), z.literal(3), z.literal(4), z.literal(5)]);

const Vectors = z.object({
  header: z.array(z.object({ kid: Uint64, ctr: Uint64, encoded: Hex })),
  aes_ctr_hmac: z.array(
    z.object({ cipher_suite: Suite, key: Hex, enc_key: Hex, auth_key: Hex, nonce: Hex, aad: Hex, pt: Hex, ct: Hex }),
  ),
  sframe: z.array(
    z.object({
      cipher_suite: Suite,
      kid: Uint64.transform(Number),
      ctr: Uint64.transform(Number),
      base_key: Hex,
      sframe_key_label: Hex,
      sframe_salt_label: Hex,
      sframe_key: Hex,
      sframe_salt: Hex,
      metadata: Hex,
      nonce: Hex,
      aad: Hex,
      pt: Hex,
      ct: Hex,
    }),
  ),
});

/** The file writes 64-bit values as JSON numbers, which a double does not hold: they become strings before it is parsed. */
export const vectors = Vectors.parse(
  JSON.parse(readFileSync(new URL('rfc9605.json', import.meta.url), 'utf8').replace(/"(kid|ctr)": (\d+)/g, '"$1": "$2"')),
);
