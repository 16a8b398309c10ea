import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { TollcastError } from '../errors.ts';

const REPLACING = '.replacing-';
const REPLACED = '.replaced-';

/** A verified ledger that is to take the place of another. Its name says how the other one is called from then on. */
export interface Replacement {
  readonly file: string;
  readonly keptAs: string;
}

/** @param mark what tells it from other replacements of this ledger, such as when it was */
export const replacement = (ledger: string, mark: string): Replacement => ({
  file: `${ledger}${REPLACING}${mark}`,
  keptAs: `${ledger}${REPLACED}${mark}`,
});

/** The replacement of a ledger that was begun and not finished; undefined almost always. */
export function unfinishedReplacement(ledger: string): Replacement | undefined {
  const prefix = `${basename(ledger)}${REPLACING}`;
  const name = namesIn(dirname(ledger)).find((each) => each.startsWith(prefix));
  return name === undefined ? undefined : replacement(join(dirname(ledger), basename(ledger)), name.slice(prefix.length));
}

/** Of a folder that is not there or cannot be listed, whoever opens a file in it tells. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/**
 * Until a replacement is finished, what is at the ledger's name may be the old one without its log, or nothing: whoever made a new
 * one there, or read it, would take a part for the whole.
 *
 * @throws TollcastError `ledger-half-restored`
 */
export function refuseHalfRestored(ledger: string): void {
  if (unfinishedReplacement(ledger) === undefined) return;
  throw new TollcastError(
    'ledger-half-restored',
    `a restore of ${ledger} was broken off at its last step: start the server on its folder, or restore again with --force, and it is finished`,
  );
}
