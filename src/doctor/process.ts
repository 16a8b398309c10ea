import { report } from 'node:process';
import { type Found, ok, problem, warning } from './finding.ts';
import type { Site } from './site.ts';

/** As package.json has it. */
export const LEAST_NODE = [22, 12] as const;

export function nodeVersion(version = process.versions.node): Found {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor, leastMinor] = LEAST_NODE;
  const isEnough = major > leastMajor || (major === leastMajor && minor >= leastMinor);
  return isEnough
    ? ok(`Node ${version}`)
    : problem(`Node ${version} is older than ${LEAST_NODE.join('.')}`, 'run npm run build in the checkout: it brings its own');
}

/** Files that a process has open besides its sockets. */
const BESIDES = 100;

/** Whether as many viewers and broadcasters as the configuration admits can be connected. Node itself goes up to the hard limit. */
export function openFiles({ role, maxViewings = 0, rtmp }: Site, hard = hardLimit()): Found {
  if (hard === undefined) return ok('their limit is not known here');
  const socketsAViewing = role === 'relay' ? 2 : 1;
  const needed = maxViewings * socketsAViewing + (rtmp?.maxConnections ?? 0) + BESIDES;
  const limit = hard === Number.POSITIVE_INFINITY ? 'without limit' : hard.toLocaleString('en');
  const found = `${limit} here, a service's own may differ; ${needed.toLocaleString('en')} are needed when all that is admitted is there`;
  return hard >= needed
    ? ok(found)
    : warning(found, 'raise it (ulimit -Hn, in a unit LimitNOFILE), or lower viewers.maxViewings and rtmp.maxConnections');
}

function hardLimit(): number | undefined {
  // Without it, the report looks up a name for each connection.
  Object.assign(report, { excludeNetwork: true });
  const made: unknown = report.getReport();
  const limits = (made as { userLimits?: { open_files?: { hard?: number | string } } }).userLimits;
  const hard = limits?.open_files?.hard;
  return hard === 'unlimited' ? Number.POSITIVE_INFINITY : typeof hard === 'number' ? hard : undefined;
}
