import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import type { DataFolder } from '../config/data-folder.ts';
import { messageOf, TollcastError } from '../errors.ts';
import { publishFile } from '../ingest/publisher.ts';
import { lockDataFolder } from '../ledger/lock.ts';
import { addProgram, listPrograms, rekeyProgram } from '../ledger/programs.ts';
import type { Relay } from '../relay.ts';
import { signOperatorToken } from '../tokens/operator-token.ts';
import { signViewerToken } from '../tokens/viewer-token.ts';
import { holdingTimers, wait } from '../viewer/wait.ts';
import { faint, print, strong } from './output.ts';
import { ownCommand, shellWord } from './own-command.ts';
import { consoleLink, onThisHost, publishPath, watchLink } from './stream-address.ts';

/** Found from here both in the sources and in dist. */
const CLIP = fileURLToPath(new URL('../../config/demo/clip.flv', import.meta.url));
const TTL_SECONDS = 24 * 3_600;
const RETRY_MS = 1_000;

/** What the demo sells. The clip has `demo` to itself: a second publisher would be refused. */
const DEMO = { name: 'demo', title: 'Tollcast demo' };
const LIVE = { name: 'live', title: 'Your own encoder' };
const TARIFF = { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 1 };

/** Publishes the clip and prints the links; what it returns ends the broadcast. */
export type BroadcastDemo = (relay: Relay) => Promise<() => Promise<void>>;

/**
 * Before the relay starts: the programs, with stream keys of this start, for the ledger keeps their hashes only.
 * @throws TollcastError `demo-clip-missing`, `data-in-use`, and those of `addProgram`
 */
export function prepareDemo(data: DataFolder, log: Logger): BroadcastDemo {
  if (!existsSync(CLIP)) throw new TollcastError('demo-clip-missing', `the demo's clip is missing: ${CLIP}`);
  // A demo that is running already must keep its stream keys.
  lockDataFolder(data.folder).release();
  const known = new Set(listKnown(data).map(({ name }) => name));
  const streamKeyOf = (program: typeof DEMO): string =>
    known.has(program.name)
      ? rekeyProgram(data.ledgerFile, program.name).streamKey
      : addProgram(data.ledgerFile, { ...program, tariff: TARIFF }).streamKey;
  const demoPath = publishPath(DEMO.name, streamKeyOf(DEMO));
  const livePath = publishPath(LIVE.name, streamKeyOf(LIVE));

  return async (relay) => {
    const ended = new AbortController();
    const publishing = keepPublishing(`${onThisHost(relay.rtmpUrl)}/${demoPath}`, ended.signal, log);
    await printDemo(relay, data, livePath);
    return () => {
      ended.abort();
      return publishing;
    };
  };
}

const listKnown = ({ ledgerFile }: DataFolder) => (existsSync(ledgerFile) ? listPrograms(ledgerFile) : []);

/** Through the real RTMP port, again and again, as an encoder that is left running would. */
async function keepPublishing(url: string, signal: AbortSignal, log: Logger): Promise<void> {
  while (!signal.aborted) {
    try {
      await publishFile(CLIP, url, { loop: true, signal });
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ reason: messageOf(error) }, "the demo's clip is not being published; trying again");
      await wait(holdingTimers, RETRY_MS, signal);
    }
  }
}

async function printDemo(relay: Relay, data: DataFolder, livePath: string): Promise<void> {
  const [httpUrl, rtmpUrl] = [onThisHost(relay.httpUrl), onThisHost(relay.rtmpUrl)];
  const { tokenSecret } = data;
  const viewer = { viewer: 'demo-viewer', programs: [DEMO.name, LIVE.name], ttlSeconds: TTL_SECONDS };
  const viewerToken = await signViewerToken(viewer, tokenSecret);
  const operatorToken = await signOperatorToken(TTL_SECONDS, tokenSecret);
  const item = (title: string, text: string) => print(`\n${strong(title)}\n  ${text}`);

  item('Watch the demo clip', watchLink(httpUrl, DEMO.name, viewerToken));
  item("The operator's console", consoleLink(httpUrl, operatorToken));
  item('Publish from your own encoder', `${rtmpUrl}/${livePath}`);
  print(`  in OBS: server ${rtmpUrl}, stream key ${livePath}`);
  item('and watch that', watchLink(httpUrl, LIVE.name, viewerToken));
  item('Export the bill', `${ownCommand()} bills export --data ${shellWord(data.folder)}`);
  print(faint('\nThe links are good for a day, the stream key until the next start. Ctrl-C ends the demo.'));
}
