/**
 * How long an entry that nothing waits for, and that says nothing by itself, may wait for others to be written with it: a consent or a key
 * that was sent, which count for nothing without a receipt. Measured: a transaction costs some 300 CPU µs however few entries it has,
 * for two threads are woken, pages are written whole, and the disk is waited for; an entry in it some 10.
 */
export const PATIENCE_MS = 50;

/** A gate is to be open when its epoch begins, though the disk take its time. */
const SOON_MS = 500;

/** @param startsInMs until the receipt's epoch begins: nothing waits for a receipt but its gate */
export const receiptPatienceMs = (startsInMs: number): number => (startsInMs > SOON_MS ? PATIENCE_MS : 0);
