import { existsSync, readFileSync } from 'node:fs';

/** USER_HZ, which Linux reports in whatever its own ticks are. */
const TICKS_PER_SECOND = 100;

/** User and system time of a process with all its threads, proc(5). */
export const cpuSecondsOf = (pid: number): number => cpuSecondsIn(`/proc/${pid}/stat`);

/** Of a process's first thread alone; NaN on systems that do not tell. */
export function mainThreadSecondsOf(pid: number): number {
  const file = `/proc/${pid}/task/${pid}/stat`;
  return existsSync(file) ? cpuSecondsIn(file) : Number.NaN;
}

function cpuSecondsIn(file: string): number {
  const fields = readFileSync(file, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
