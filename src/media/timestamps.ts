/** FLV and RTMP timestamps are 32 bits of milliseconds, and wrap around after 49 days. */

/** A time brought back into 32 bits. */
export const wrappedMs = (timestampMs: number): number => timestampMs >>> 0;

/** How much later `a` is than `b`, in milliseconds: negative if it is earlier. Right for times less than 24 days apart. */
export const msAfter = (a: number, b: number): number => (a - b) | 0;
