/** SFrame's cipher suites (RFC 9605, sections 4.5 and 8.1), by their registered numbers. Tollcast itself uses suite 5. */
export type SFrameSuiteId = 1 | 2 | 3 | 4 | 5;

export interface SFrameSuite {
  readonly id: SFrameSuiteId;
  readonly name: string;
  /** Hash of HKDF, and of the HMAC of suites 1 to 3. */
  readonly hash: 'sha256' | 'sha512';
  /** Nk: of the derived key; suites 1 to 3 split it into an AES key (Nka) and an HMAC key (Nh). */
  readonly keyBytes: number;
  /** Nt. */
  readonly tagBytes: number;
  readonly aead:
    | { readonly mode: 'gcm'; readonly cipher: 'aes-128-gcm' | 'aes-256-gcm' }
    | { readonly mode: 'ctr-hmac'; readonly cipher: 'aes-128-ctr'; readonly cipherKeyBytes: number };
}

/** Nn: the same for every suite. */
export const NONCE_BYTES = 12;

const ctrHmac = (id: SFrameSuiteId, tagBytes: number): SFrameSuite => ({
  id,
  name: `AES_128_CTR_HMAC_SHA256_${tagBytes * 8}`,
  hash: 'sha256',
  keyBytes: 48,
  tagBytes,
  aead: { mode: 'ctr-hmac', cipher: 'aes-128-ctr', cipherKeyBytes: 16 },
});

export const SFRAME_SUITES: { readonly [id in SFrameSuiteId]: SFrameSuite } = {
  1: ctrHmac(1, 10),
  2: ctrHmac(2, 8),
  3: ctrHmac(3, 4),
  4: {
    id: 4,
    name: 'AES_128_GCM_SHA256_128',
    hash: 'sha256',
    keyBytes: 16,
    tagBytes: 16,
    aead: { mode: 'gcm', cipher: 'aes-128-gcm' },
  },
  5: {
    id: 5,
    name: 'AES_256_GCM_SHA512_128',
    hash: 'sha512',
    keyBytes: 32,
    tagBytes: 16,
    aead: { mode: 'gcm', cipher: 'aes-256-gcm' },
  },
};

/** The suite of every chunk (DESIGN.md, section 4, "Chunks and epochs"). */
export const CHUNK_SUITE: SFrameSuite = SFRAME_SUITES[5];
