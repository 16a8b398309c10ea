import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Where Chromium is on the machines that we know; `CHROMIUM` overrides. */
const CHROMIUM = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** What a test needs of the machine, or undefined where it is not there: said aloud, and under CI a failure. */
export const ffmpeg: string | undefined = needed('ffmpeg', spawnSync('ffmpeg', ['-version']).status === 0 ? 'ffmpeg' : undefined);
export const chromium: string | undefined = needed(
  'Chromium',
  CHROMIUM.find((path) => path !== undefined && existsSync(path)),
);
export const natsServer: string | undefined = needed(
  'nats-server',
  ['nats-server', '/usr/sbin/nats-server'].find((path) => spawnSync(path, ['--version']).status === 0),
);
/** Preloading is Linux's. */
export const cc: string | undefined = needed(
  'cc (on Linux)',
  process.platform === 'linux' && spawnSync('cc', ['--version']).status === 0 ? 'cc' : undefined,
);

function needed(name: string, found: string | undefined): string | undefined {
  if (found !== undefined) return found;
  if (process.env.CI !== undefined) throw new Error(`${name} is not installed: under CI its tests must run`);
  console.warn(`${name} is not installed: the tests that need it are skipped`);
  return undefined;
}
