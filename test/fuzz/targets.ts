import type { FuzzTarget } from './target.ts';

/** Everything that can be fuzzed. */
export const TARGETS: readonly FuzzTarget[] = [];
