import { existsSync, renameSync } from 'node:fs';
import { syncFolderOf } from './copy.ts';
import { PARTS } from './database.ts';
import { type Replacement, replacement, unfinishedReplacement } from './half-restored.ts';

export const isThere = (ledger: string): boolean => PARTS.some((part) => existsSync(`${ledger}${part}`));

/**
 * Puts a verified ledger of one file in the place of another, which is kept. A ledger and its log are two files, and no two can be
 * renamed at once; so the new one is first renamed to say what is under way. Whoever dies from then on leaves a ledger that nobody
 * opens (`refuseHalfRestored`), and that the next holder of the folder's lock finishes.
 *
 * @returns where the other one is now; undefined if there was none
 */
export function replaceLedger(ledger: string, by: string): string | undefined {
  if (isThere(ledger)) {
    renameSync(by, unusedReplacement(ledger).file);
    return finishReplacement(ledger);
  }
  renameSync(by, ledger);
  syncFolderOf(ledger);
  return undefined;
}

/**
 * Finishes a replacement that was broken off, if one was. By the holder of the folder's lock only. Each step is found done or
 * undone by the names that are there, so that it can be broken off and done again any number of times.
 *
 * @returns where the ledger is now that was replaced; undefined where there was nothing to finish
 */
export function finishReplacement(ledger: string): string | undefined {
  const unfinished = unfinishedReplacement(ledger);
  if (unfinished === undefined) return undefined;
  const { file, keptAs } = unfinished;
  // A power cut, too, must find these in their order.
  syncFolderOf(ledger);
  for (const part of PARTS) if (existsSync(`${ledger}${part}`)) renameSync(`${ledger}${part}`, `${keptAs}${part}`);
  syncFolderOf(ledger);
  renameSync(file, ledger);
  syncFolderOf(ledger);
  return keptAs;
}

function unusedReplacement(ledger: string): Replacement {
  const mark = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  let unused = replacement(ledger, mark);
  for (let again = 2; isThere(unused.keptAs); again++) unused = replacement(ledger, `${mark}-${again}`);
  return unused;
}
