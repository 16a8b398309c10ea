import { statSync } from 'node:fs';

/** Tells a file from what stood under its name before, through links too: another file, or the same one written again. Empty if none. */
export function fileStamp(file: string): string {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
}
