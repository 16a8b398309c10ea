import type { Command } from 'commander';
import type { Logger } from 'pino';
import { z } from 'zod';
import { openDataFolder } from '../config/data-folder.ts';
import { AuthorityConfig, EdgeConfig, EncryptorConfig, FacilityConfig } from '../config/deployments.ts';
import { loadConfig } from '../config/load-config.ts';
import type { LogConfig } from '../config/sections.ts';
import type { Running } from '../roles/host.ts';
import { readOptions, withData } from './options.ts';
import { print, strong } from './output.ts';
import { interruption, untilInterrupted } from './until-interrupted.ts';

/** The parts of a deployment that is spread over hosts, each a command. */
export function addDeployments(parent: Command): void {
  const part = (name: string, description: string) =>
    parent
      .command(name)
      .description(description)
      .requiredOption('--config <file>', `YAML; config/${name}.yaml explains each setting`);

  withData(part('facility', 'run billing server and broadcast facility as one, with edges elsewhere')).action(
    (_: unknown, command: Command) =>
      run(command, FacilityConfig, async (config, { data }, log) => {
        const { startFacility } = await import('../facility.ts');
        const facility = await startFacility(config, openDataFolder(data), log);
        return [
          facility,
          [
            ['for viewers', facility.httpUrl],
            ['for broadcasters', facility.rtmpUrl],
          ],
        ];
      }),
  );
  withData(part('authority', 'run the billing server: keys, control sockets, ledger and bills, and never a media byte')).action(
    (_: unknown, command: Command) =>
      run(command, AuthorityConfig, async (config, { data }, log) => {
        const { startAuthority } = await import('../authority.ts');
        const authority = await startAuthority(config, openDataFolder(data), log);
        return [authority, [['for viewers', authority.httpUrl]]];
      }),
  );
  part(
    'encryptor',
    'run a broadcast facility: RTMP in, sealed chunks out, under keys that it requests from the authority',
  ).action((_: unknown, command: Command) =>
    run(command, EncryptorConfig, async (config, _options, log) => {
      const { startEncryptor } = await import('../encryptor.ts');
      const encryptor = await startEncryptor(config, log);
      return [
        encryptor,
        [
          ['for operators', encryptor.httpUrl],
          ['for broadcasters', encryptor.rtmpUrl],
        ],
      ];
    }),
  );
  part('edge', 'run an edge: carries sealed chunks to viewers, and holds no key').action((_: unknown, command: Command) =>
    run(command, EdgeConfig, async (config, _options, log) => {
      const { startEdge } = await import('../edge.ts');
      const edge = await startEdge(config, log);
      return [
        edge,
        [['for viewers', edge.publicUrl], ...(edge.httpUrl === undefined ? [] : [['for operators', edge.httpUrl] as const])],
      ];
    }),
  );
}

const Options = z.object({ config: z.string(), data: z.string().min(1, 'names no folder').default('') });
type Options = z.infer<typeof Options>;

type Listening = readonly (readonly [forWhom: string, url: string])[];

async function run<C extends { readonly log: LogConfig }>(
  command: Command,
  schema: z.ZodType<C>,
  start: (config: C, options: Options, log: Logger) => Promise<readonly [Running, Listening]>,
): Promise<void> {
  const options = readOptions(command, Options);
  const { relayLog } = await import('./log.ts');
  const ended = interruption();
  const config = loadConfig(schema, options.config, {});
  const log = relayLog(config.log);
  const [deployment, listening] = await start(config, options, log);
  print(`${strong(`Tollcast ${command.name()}`)} listens`);
  for (const [forWhom, url] of listening) print(`  ${forWhom.padEnd(16)}  ${url}`);
  await untilInterrupted(ended, log, deployment);
}
