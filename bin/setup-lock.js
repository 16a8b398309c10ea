/** One set-up of a checkout at a time. Runs on the host's Node (18 or newer). */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';

const POLL_MS = 200;
const MAX_WAIT_MS = 10 * 60_000;

/** Runs `work` while no other process holds the lock `file`. Waits for one that does, unless it has died, and says so once. */
export function withLock(file, { onWait }, work) {
  const giveUpMs = Date.now() + MAX_WAIT_MS;
  let said = false;
  while (!tryLock(file)) {
    const holder = holderOf(file);
    if ((holder !== undefined && !isAlive(holder)) || Date.now() > giveUpMs) {
      rmSync(file, { force: true });
      continue;
    }
    if (!said && holder !== undefined) {
      onWait(holder);
      said = true;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS); // sleeps
  }
  try {
    return work();
  } finally {
    rmSync(file, { force: true });
  }
}

function tryLock(file) {
  try {
    writeFileSync(file, `${process.pid}`, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Undefined in the moments when the file is being written or has just gone. */
function holderOf(file) {
  try {
    return Number.parseInt(readFileSync(file, 'utf8'), 10) || undefined;
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code !== 'ESRCH';
  }
}
