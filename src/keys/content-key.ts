/** One epoch's key as it is handed from the authority to the encryptor. Lives in memory only (DESIGN.md, section 5, rule 1). */
export interface EpochKey {
  readonly program: string;
  readonly epoch: number;
  /** 32 random bytes: the SFrame base key of the epoch. Whoever is handed it overwrites it once it is of no more use. */
  readonly contentKey: Uint8Array;
}

export const CONTENT_KEY_BYTES = 32;

/** An epoch's key for the encryptor, and when to begin with it (DESIGN.md, section 4, "Chunks and epochs"). */
export interface KeyOffer {
  readonly key: EpochKey;
  /** The epoch begins at the first keyframe from here on … */
  readonly notBeforeMs: number;
  /** … and here without one. */
  readonly notAfterMs: number;
  /** Nothing is sealed under the key for longer than this. */
  readonly lifetimeMs: number;
}
