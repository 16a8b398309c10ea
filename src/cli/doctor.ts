import { type Command, Option } from 'commander';
import { z } from 'zod';
import { loadConfig, readYaml } from '../config/load-config.ts';
import { type Finding, ok, problem } from '../doctor/finding.ts';
import { ROLES, type Role, roleIn, type Site, siteOf } from '../doctor/site.ts';
import { messageOf, TollcastError } from '../errors.ts';
import { ExitCode } from './exit-code.ts';
import { CommonOptions, Port, readOptions, withData, withJson } from './options.ts';
import { print, printJson } from './output.ts';
import { ProgressLine } from './progress-line.ts';
import { counted, printable } from './text.ts';

const DEFAULT_VIEWERS = '1000';

/** `tollcast doctor`: whether a process can run here, or does. */
export function addDoctor(parent: Command): void {
  withJson(
    withData(parent.command('doctor').description('check a configuration and its host, before a start or beside what runs')),
  )
    .option('--config <file>', 'the YAML that the process is started with; without it, the relay with its defaults')
    .addOption(new Option('--role <role>', 'what runs with it, where the file does not tell').choices(ROLES))
    .option('--rtmp-port <port>', "serve's, where it is given")
    .option('--http-port <port>', "serve's, where it is given")
    .option('--host <address>', "serve's, where it is given")
    .option('--viewers <n>', 'how many viewers at once free space is to last for', DEFAULT_VIEWERS)
    .option('--quick', "verify the end of the ledger's chain only")
    .addHelpText(
      'after',
      `\nEach line is ok, a warning, or a problem with what to do about it; the exit code is 1 if there is a problem. Nothing is changed,
and what runs is not disturbed. Run it as the user that runs Tollcast, so that what it may read and write is known.`,
    )
    .action((_: unknown, command: Command) => doctor(readOptions(command, Options)));
}

const MOST_VIEWERS = 10_000_000;
const notViewers = `is not a number of viewers from 1 to ${MOST_VIEWERS}`;

const Options = CommonOptions.extend({
  config: z.string().optional(),
  role: z.enum(ROLES).optional(),
  rtmpPort: Port.optional(),
  httpPort: Port.optional(),
  host: z.string().min(1, 'names no address').optional(),
  viewers: z
    .string()
    .regex(/^\d{1,8}$/, notViewers)
    .transform(Number)
    .refine((count) => count >= 1 && count <= MOST_VIEWERS, notViewers),
  quick: z.boolean().default(false),
});

type Options = z.infer<typeof Options>;

async function doctor(options: Options): Promise<void> {
  const { viewers, quick, json } = options;
  // Not loaded for the other commands.
  const { checksOf, examine } = await import('../doctor/checks.ts');
  const findings: Finding[] = [];
  const tell = (finding: Finding) => {
    findings.push(finding);
    if (!json) print(lineOf(finding));
  };
  const { site, finding } = configured(options);
  tell({ check: 'configuration', ...finding });
  if (site !== undefined) {
    const progress = new ProgressLine();
    const onProgress = (done: number, total: number) =>
      progress.show(() => `${done.toLocaleString('en')} of ${counted(total, 'entry', 'entries')} …`);
    for await (const each of examine(checksOf(site, { viewers, quick, onProgress }))) {
      progress.clear();
      tell(each);
    }
  }
  const problems = findings.filter(({ state }) => state === 'problem').length;
  const warnings = findings.filter(({ state }) => state === 'warning').length;
  if (json) printJson({ ok: problems === 0, role: site?.role ?? null, findings });
  else print(`${counted(problems, 'problem')}, ${counted(warnings, 'warning')}`);
  if (problems > 0) process.exitCode = ExitCode.failed;
}

function configured(options: Options): { site?: Site; finding: Omit<Finding, 'check'> } {
  const { config: file, data, host, httpPort, rtmpPort } = options;
  try {
    const role = roleOf(options);
    if (role === undefined)
      return {
        finding: problem(
          `${file} may be a facility's, or a relay's with further edges`,
          'say which: --role facility or --role relay',
        ),
      };
    const flags = { host, http: { port: httpPort }, rtmp: { port: rtmpPort } };
    const isServe = role === 'relay';
    if (!isServe && (host ?? httpPort ?? rtmpPort) !== undefined)
      throw new TollcastError(
        'usage',
        `--host, --http-port and --rtmp-port are serve's: no other command has them, ${role} neither`,
      );
    const site = siteOf(role, data, (schema) => loadConfig(schema, file, isServe ? flags : {}));
    return { site, finding: ok(`${file ?? 'all defaults'}: valid, of role ${role}`) };
  } catch (error) {
    if (!(error instanceof TollcastError) || error.code === 'usage') throw error;
    return { finding: problem(messageOf(error), 'correct it: the example in config/ explains each setting') };
  }
}

/** @throws TollcastError `config-invalid` */
function roleOf({ config, role }: Options): Role | undefined {
  if (role !== undefined) return role;
  return config === undefined ? 'relay' : roleIn(readYaml(config));
}

/** Wide enough for the longest word in each. */
const [STATE_CHARS, CHECK_CHARS] = [8, 14];

function lineOf({ check, state, found, remedy }: Finding): string {
  const line = `${state.padEnd(STATE_CHARS)} ${check.padEnd(CHECK_CHARS)} ${printable(found)}`;
  return remedy === undefined ? line : `${line}\n${' '.repeat(STATE_CHARS + CHECK_CHARS + 2)}→ ${printable(remedy)}`;
}
