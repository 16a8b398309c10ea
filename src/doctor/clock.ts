import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Found, ok, problem, warning } from './finding.ts';

const SAMPLE_MS = 300;
/** What a clock that is steered, and not set, may differ in that time. */
const MOST_DRIFT_MS = 50;
const MOST_AHEAD_MS = 2_000;
/** Before this was written. */
const EARLIEST_MS = Date.UTC(2026, 0, 1);

/** The wall clock against the ledger's last entry and against the monotonic one. Bills are dated by it; nothing is measured by it. */
export async function clock(lastEntryWallMs: number | undefined): Promise<readonly Found[]> {
  return [wall(lastEntryWallMs, Date.now()), await steady(), await synchronized()];
}

export function wall(lastEntryWallMs: number | undefined, nowMs: number): Found {
  const now = new Date(nowMs).toISOString();
  if (nowMs < EARLIEST_MS) return problem(`the wall clock says ${now}`, 'set it, and have NTP keep it');
  const aheadMs = (lastEntryWallMs ?? 0) - nowMs;
  if (aheadMs > MOST_AHEAD_MS)
    return problem(
      `the wall clock says ${now}, but the ledger's last entry is ${Math.round(aheadMs / 1_000)} s later`,
      'set the clock, and have NTP keep it: charges would be dated wrongly, and tokens be taken for valid or over',
    );
  return ok(`the wall clock says ${now}${lastEntryWallMs === undefined ? '' : ", which is after the ledger's last entry"}`);
}

async function steady(): Promise<Found> {
  const difference = () => Date.now() - performance.now();
  const before = difference();
  await wait(SAMPLE_MS);
  const steppedMs = Math.abs(difference() - before);
  return steppedMs <= MOST_DRIFT_MS
    ? ok('it goes as fast as the monotonic clock')
    : warning(
        `it moved by ${Math.round(steppedMs)} ms against the monotonic clock within ${SAMPLE_MS} ms`,
        'something is setting it: have NTP alone do so',
      );
}

/** As systemd knows it: asking over the network is not ours to do. */
async function synchronized(): Promise<Found> {
  if (existsSync('/run/systemd/timesync/synchronized')) return ok('NTP: it is synchronized');
  try {
    const { stdout } = await promisify(execFile)('timedatectl', ['show', '-p', 'NTPSynchronized', '--value'], { timeout: 2_000 });
    if (stdout.trim() === 'yes') return ok('NTP: it is synchronized');
    if (stdout.trim() === 'no') return warning('NTP: it is not synchronized', 'set up systemd-timesyncd or chrony');
  } catch {
    // No systemd here.
  }
  return ok('NTP: not known');
}
