import { accessSync, constants, existsSync, readdirSync, statfsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type Found, ok, problem, warning } from './finding.ts';

/** Read and written by others than the owner and the group. */
const OTHERS = 0o007;
const GROUP = 0o070;
const octal = (mode: number): string => (mode & 0o777).toString(8).padStart(3, '0');

/** A file that a configuration names and nobody else may read; the group may, for root installs them for a service's group. */
export function secretFile(file: string, what: string): Found {
  const there = statSync(file, { throwIfNoEntry: false });
  if (there === undefined) return problem(`${what}: there is no file ${file}`, 'put it there, or correct the configuration');
  if (!may(file, constants.R_OK)) return problem(`${what}: ${file} cannot be read by this user`, ownerAdvice(there.uid));
  if (there.mode & OTHERS)
    return problem(`${what}: ${file} is open to every user (mode ${octal(there.mode)})`, `chmod 640 ${file}`);
  return ok(`${what}: ${file} is closed to others (mode ${octal(there.mode)})`);
}

/** The data folder and all that is in it: for its owner only. */
export function dataFolder(folder: string): readonly Found[] {
  const there = statSync(folder, { throwIfNoEntry: false });
  if (there === undefined) return [notMadeYet(folder)];
  if (!there.isDirectory()) return [problem(`${folder} is no folder`, 'name a folder with --data')];
  const findings: Found[] = [];
  const uid = process.getuid?.();
  if (uid !== undefined && uid !== there.uid)
    findings.push(
      warning(`${folder} belongs to another user (${there.uid}) than this is run by (${uid})`, ownerAdvice(there.uid)),
    );
  if (!may(folder, constants.W_OK | constants.X_OK))
    return [...findings, problem(`${folder} cannot be written by this user`, ownerAdvice(there.uid))];
  findings.push(ok(`${folder} can be written`));
  const open = [
    folder,
    ...readdirSync(folder)
      .filter(isOurs)
      .map((name) => join(folder, name)),
  ].flatMap((file) => {
    const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? 0;
    return mode & (GROUP | OTHERS) ? [{ file, mode }] : [];
  });
  for (const { file, mode } of open) {
    const found = `${file} is open to others than its owner (mode ${octal(mode)})`;
    findings.push((mode & OTHERS && file !== folder ? problem : warning)(found, `chmod ${file === folder ? 700 : 600} ${file}`));
  }
  if (open.length === 0) findings.push(ok('what is in it is for its owner only'));
  return findings;
}

const isOurs = (name: string): boolean => /^(ledger\.db|token\.)/.test(name);

function notMadeYet(folder: string): Found {
  const above = aboveThere(folder);
  return may(above, constants.W_OK | constants.X_OK)
    ? ok(`${folder} is not there yet: the first start makes it`)
    : problem(
        `${folder} is not there, and ${above} cannot be written by this user`,
        'make it for the user that runs Tollcast, or name another with --data',
      );
}

/** The folder itself, or the nearest one above it that is there. */
function aboveThere(folder: string): string {
  let above = resolve(folder);
  while (!existsSync(above)) above = dirname(above);
  return above;
}

const ownerAdvice = (uid: number): string =>
  `run this as the user that runs Tollcast (sudo -u), or give the file to it; its owner is ${uid}`;

function may(file: string, mode: number): boolean {
  try {
    accessSync(file, mode);
    return true;
  } catch {
    return false;
  }
}

/**
 * What a receipt adds to the ledger with all that comes with it (its key sent, its part of what was served, the indexes): measured, with
 * 20 viewers and with 2,000.
 */
export const BYTES_A_RECEIPT = 1_000;
const LEAST_FREE_BYTES = 256 * 2 ** 20;
const HOUR_MS = 3_600_000;

/** How long the ledger may grow. */
export function space(folder: string, viewers: number, keyPeriodMs: number): Found {
  const { bavail, bsize } = statfsSync(aboveThere(folder));
  const freeBytes = bavail * bsize;
  const hours = (freeBytes * keyPeriodMs) / (viewers * BYTES_A_RECEIPT) / HOUR_MS;
  const lasts = hours < 48 ? `${Math.floor(hours)} hours` : `${Math.floor(hours / 24).toLocaleString('en')} days`;
  const found = `${gigabytes(freeBytes)} GB are free for ${folder}: ${lasts} of ${viewers.toLocaleString('en')} viewers without a pause`;
  const remedy = 'free some, or move the data folder to a larger disk: a relay with a full disk lets nobody watch on';
  if (freeBytes < LEAST_FREE_BYTES || hours < 1) return problem(found, remedy);
  return hours < 24 ? warning(found, remedy) : ok(found);
}

const gigabytes = (bytes: number): string => (bytes / 1e9).toLocaleString('en', { maximumFractionDigits: 1 });
