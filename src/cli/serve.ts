import { type Command, Option } from 'commander';
import { z } from 'zod';
import { openDataFolder } from '../config/data-folder.ts';
import { loadRelayConfig } from '../config/relay-config.ts';
import { listPrograms } from '../ledger/programs.ts';
import { LOG_LEVELS, LogLevel, Port, readOptions } from './options.ts';
import { faint, print, strong } from './output.ts';
import { interruption, untilInterrupted } from './until-interrupted.ts';

const DEFAULT_DATA = './data';
const DEMO_DATA = './data/demo';

export function addServe(parent: Command): void {
  parent
    .command('serve')
    .description('run the relay: RTMP in, viewers, keys, ledger and bills')
    .option('--config <file>', 'YAML; config/relay.yaml explains each setting')
    .option('--data <dir>', `the data folder, made at the first start (default: ${DEFAULT_DATA}, with --demo ${DEMO_DATA})`)
    .option('--rtmp-port <port>', 'for broadcasters, 0 for any free one (default: 1935)')
    .option('--http-port <port>', 'for viewers and operators, 0 for any free one (default: 8080)')
    .option('--host <address>', 'to listen on (default: 127.0.0.1)')
    .option('--demo', 'publish a bundled clip, and print all that is needed to watch it')
    .addOption(new Option('--log-level <level>', 'of the log on stderr (default: info, with --demo warn)').choices(LOG_LEVELS))
    .addHelpText('after', '\nSIGTERM and SIGINT end the viewings in the ledger, tell the viewers, and end the relay.')
    .action((_: unknown, command: Command) => serve(readOptions(command, Options)));
}

const Options = z.object({
  config: z.string().optional(),
  data: z.string().min(1, 'names no folder').optional(),
  rtmpPort: Port.optional(),
  httpPort: Port.optional(),
  host: z.string().min(1, 'names no address').optional(),
  demo: z.boolean().default(false),
  logLevel: LogLevel.optional(),
});

async function serve(options: z.infer<typeof Options>): Promise<void> {
  const { demo, host, httpPort, rtmpPort } = options;
  // Compositions are loaded by the commands that run them: `token` in a script need not wait for a relay's worth of modules.
  const { startRelay } = await import('../relay.ts');
  const { relayLog } = await import('./log.ts');

  const ended = interruption();
  const quiet = demo && options.config === undefined;
  const config = loadRelayConfig(options.config, {
    host,
    http: { port: httpPort },
    rtmp: { port: rtmpPort },
    log: { level: options.logLevel ?? (quiet ? 'warn' : undefined) },
  });
  const data = openDataFolder(options.data ?? (demo ? DEMO_DATA : DEFAULT_DATA));
  const log = relayLog(config.log);
  const broadcastDemo = demo ? (await import('./demo.ts')).prepareDemo(data, log) : undefined;

  const relay = await startRelay(config, data, log);
  print(`${strong('Tollcast')} listens`);
  print(`  for viewers       ${relay.httpUrl}`);
  if (relay.mediaUrl !== undefined) print(`  for media         ${relay.mediaUrl}`);
  print(`  for broadcasters  ${relay.rtmpUrl}${relay.rtmpsUrl === undefined ? '' : ` and ${relay.rtmpsUrl}`}`);
  const endDemo = await broadcastDemo?.(relay);
  if (!demo && listPrograms(data.ledgerFile).length === 0) {
    print(faint(`There is no program yet: tollcast program add --help${dataFlag(options.data)}`));
  }

  const close = async () => {
    await endDemo?.();
    await relay.close();
  };
  await untilInterrupted(ended, log, { close });
}

const dataFlag = (data: string | undefined): string => (data === undefined ? '' : ` (with --data ${data})`);
