const DAY_MS = 86_400_000;

let cachedDay = Number.NaN;
let cachedDate = '';

/**
 * ISO 8601 in UTC with milliseconds, of wall-clock milliseconds since 1970: what `Date` would write. Bills hold millions of times
 * of few days, and working out the date anew for each was measured to take half of an export.
 */
export function isoTime(wallMs: number): string {
  const day = Math.floor(wallMs / DAY_MS);
  if (day !== cachedDay) {
    cachedDate = new Date(wallMs).toISOString().slice(0, -'00:00:00.000Z'.length);
    cachedDay = day;
  }
  const ms = wallMs - day * DAY_MS;
  const seconds = Math.floor(ms / 1_000);
  const minutes = Math.floor(seconds / 60);
  return `${cachedDate}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}:${two(seconds % 60)}.${three(ms % 1_000)}Z`;
}

const two = (value: number): string => (value < 10 ? `0${value}` : `${value}`);
const three = (value: number): string => (value < 100 ? `0${two(value)}` : `${value}`);
