import { readFileSync } from 'node:fs';

/** USER_HZ, which Linux reports in whatever its own ticks are. */
const TICKS_PER_SECOND = 100;

/** User and system time of a process with all its threads, proc(5). */
export function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
