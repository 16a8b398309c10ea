import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Tariff } from '../src/billing/tariff.ts';
import { openDataFolder } from '../src/config/data-folder.ts';
import { generateDeviceKeys } from '../src/keys/device.ts';
import { signViewerToken } from '../src/tokens/viewer-token.ts';
import { Drain, type Drained } from './drain.ts';
import { QuickViewer, type SharedDevice } from './quick-viewer.ts';

/** Started as a process of its own: viewers who come one after another, and stay. */
export interface CrowdOptions {
  readonly httpUrl: string;
  /** The server's data folder, whose secret signs their tokens. */
  readonly data: string;
  readonly program: string;
  readonly tariff: Tariff;
  /** Tells them from those of another crowd. */
  readonly name: string;
  readonly viewers: number;
  readonly comingPerSecond: number;
  /** Nobody comes while so many wait for their first key to be confirmed: a crowd that a busy machine can take. */
  readonly mostWaiting?: number;
  /** Their media: not asked for; looked at when it begins; decrypted all of it; drained as cheaply as can be; or not read. */
  readonly watches: 'nothing' | 'the first chunk' | 'everything' | 'drained' | 'unread';
  /** Whether the times between chunks are reported: there are many. */
  readonly notesGaps?: boolean;
}

/** What happened since the report before it. */
export interface CrowdReport {
  /** In all: who has come, and whose first receipt was confirmed. */
  readonly came: number;
  readonly watching: number;
  /** See QuickViewerEvents, in milliseconds. */
  readonly confirmations: readonly number[];
  readonly firstChunks: readonly number[];
  readonly gaps: readonly number[];
  readonly delays: readonly number[];
  /** Pictures in all that those who decrypt everything did not get. */
  readonly lost: number;
  /** Media sockets of those who are drained. */
  readonly drained: Drained;
  /** What went wrong in all, by what it was. */
  readonly refused: Readonly<Record<string, number>>;
  readonly ended: Readonly<Record<string, number>>;
}

const LOOK_MS = 5;

async function gather(options: CrowdOptions): Promise<void> {
  const { httpUrl, data, program, tariff, watches } = options;
  const device = await sharedDevice();
  const secret = openDataFolder(data).tokenSecret;
  const took = { confirmations: [] as number[], firstChunks: [] as number[], gaps: [] as number[], delays: [] as number[] };
  let lost = 0;
  const drain = new Drain();
  const [refused, ended] = [new Map<string, number>(), new Map<string, number>()];
  const count = (in_: Map<string, number>, what: string) => in_.set(what, (in_.get(what) ?? 0) + 1);
  const watching = new Set<string>();
  const viewers: QuickViewer[] = [];

  const report = async () => {
    const drained = await drain.total();
    process.send?.({
      came: viewers.length,
      watching: watching.size,
      confirmations: took.confirmations.splice(0),
      firstChunks: took.firstChunks.splice(0),
      gaps: took.gaps.splice(0),
      delays: took.delays.splice(0),
      lost,
      drained,
      refused: Object.fromEntries(refused),
      ended: Object.fromEntries(ended),
    } satisfies CrowdReport);
  };
  process.on('message', () => void report());
  process.on('disconnect', () => process.exit());
  await report();

  const beganMs = performance.now();
  for (let index = 0; index < options.viewers; index++) {
    await pause(Math.max(0, beganMs + (index * 1_000) / options.comingPerSecond - performance.now()));
    while (viewers.length - watching.size >= (options.mostWaiting ?? Number.POSITIVE_INFINITY)) await pause(LOOK_MS);
    const name = `${options.name}-${index}`;
    const viewer = new QuickViewer(name, {
      baseUrl: httpUrl.replace(/^http/, 'ws'),
      program,
      tariff,
      device,
      tokenOf: (viewer) => signViewerToken({ viewer, programs: [program], ttlSeconds: 3_600 }, secret),
      watches: watches === 'the first chunk' || watches === 'everything' ? watches : 'nothing',
      on: {
        confirmed: (afterMs) => {
          watching.add(name);
          took.confirmations.push(afterMs);
        },
        firstChunk: (afterMs) => took.firstChunks.push(afterMs),
        gap: (ms) => {
          if (options.notesGaps) took.gaps.push(ms);
        },
        delay: (ms) => took.delays.push(ms),
        lost: (pictures) => {
          lost += pictures;
        },
        ticket: (url) => {
          if (watches === 'drained' || watches === 'unread') drain.open(url, watches === 'unread' ? 'hold' : 'read');
        },
        refused: (code) => count(refused, code),
        ended: (reason) => count(ended, reason),
      },
    });
    viewers.push(viewer);
  }
}

async function sharedDevice(): Promise<SharedDevice> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const { subtle } = globalThis.crypto;
  const [secretKey, openKey] = await Promise.all([
    subtle.importKey('jwk', privateKey.export({ format: 'jwk' }), algorithm, false, ['sign']),
    subtle.importKey('jwk', publicKey.export({ format: 'jwk' }), algorithm, true, ['verify']),
  ]);
  return { keys: { ...(await generateDeviceKeys()), sign: { privateKey: secretKey, publicKey: openKey } }, signKey: privateKey };
}

await gather(JSON.parse(process.argv[2] ?? ''));
