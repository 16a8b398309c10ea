import { type Command, Option } from 'commander';
import { decodeJwt } from 'jose';
import { z } from 'zod';
import { openExistingDataFolder } from '../config/data-folder.ts';
import { TollcastError } from '../errors.ts';
import { listPrograms } from '../ledger/programs.ts';
import { signOperatorToken } from '../tokens/operator-token.ts';
import { type NewViewerToken, signViewerToken } from '../tokens/viewer-token.ts';
import { CommonOptions, collect, readOptions, TtlSeconds, withData, withJson } from './options.ts';
import { print, printJson } from './output.ts';
import { isoTime } from './text.ts';

/** `tollcast token …`: plain output is the token and nothing else, for `$(tollcast token …)`. */
export function addToken(parent: Command): void {
  const group = withJson(withData(parent.command('token').description('sign tokens for viewers and operators')));
  group
    .command('viewer')
    .description('sign a token that lets one viewer watch')
    .requiredOption('--program <name>', 'what may be watched; may be given several times', collect)
    .requiredOption('--viewer <id>', 'who pays')
    .option('--ttl <time>', 'how long a viewing may begin with it: 90s, 30m, 1h, 7d', '1h')
    .option('--cap <decimal>', "the most that its viewings may cost together, in the tariff's currency")
    .option('--device <jkt>', 'the only device that may use it: its JWK thumbprint (RFC 7638, SHA-256, base64url)')
    .action((_: unknown, command: Command) => viewer(readOptions(command, ViewerOptions)));
  group
    .command('operator')
    .description("sign a token for the operator's console and HTTP API")
    .option('--ttl <time>', 'how long it is good for', '1h')
    .action((_: unknown, command: Command) => operator(readOptions(command, OperatorOptions)));
  group
    .command('rotate')
    .description('make another secret that signs tokens; a running relay takes it at once')
    .option('--keep <time>', 'how long tokens of the secret before stay valid', '24h')
    .addOption(new Option('--now', 'void every token that was signed so far').conflicts('keep'))
    .action((_: unknown, command: Command) => rotate(readOptions(command, RotateOptions)));
}

const RotateOptions = CommonOptions.extend({ keep: TtlSeconds, now: z.boolean().default(false) });

const notCap = 'is not a decimal such as 5.00';

const ViewerOptions = CommonOptions.extend({
  program: z.array(z.string()).max(1_000, 'is given too often'),
  viewer: z.string().min(1, 'names nobody').max(256, 'is longer than 256 characters'),
  ttl: TtlSeconds,
  cap: z
    .string()
    .regex(/^(0|[1-9]\d{0,11})(\.\d{1,4})?$/, notCap)
    .optional(),
  device: z
    .string()
    .regex(/^[\w-]{43}$/, 'is not a SHA-256 thumbprint of 43 characters')
    .optional(),
});

const OperatorOptions = CommonOptions.extend({ ttl: TtlSeconds });

async function viewer({ data, json, ...options }: z.infer<typeof ViewerOptions>): Promise<void> {
  const { ledgerFile, tokenSecret } = openExistingDataFolder(data);
  const known = new Set(listPrograms(ledgerFile).map(({ name }) => name));
  const programs = [...new Set(options.program)];
  const unknown = programs.find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw new TollcastError('program-unknown', `there is no program "${unknown}": see tollcast program list`);
  }
  const { viewer, ttl: ttlSeconds, cap, device } = options;
  const claims: Omit<NewViewerToken, 'ttlSeconds'> = {
    viewer,
    programs,
    ...(cap === undefined ? {} : { cap }),
    ...(device === undefined ? {} : { device }),
  };
  printToken(await signViewerToken({ ...claims, ttlSeconds }, tokenSecret), json, claims);
}

async function operator({ data, json, ttl }: z.infer<typeof OperatorOptions>): Promise<void> {
  printToken(await signOperatorToken(ttl, openExistingDataFolder(data).tokenSecret), json, {});
}

function rotate({ data, json, keep, now }: z.infer<typeof RotateOptions>): void {
  const { tokenSecrets } = openExistingDataFolder(data);
  const before = tokenSecrets.current;
  const { kid } = tokenSecrets.rotate(now ? 0 : keep);
  const kept = tokenSecrets.retired.map(({ kid, untilMs }) => ({ kid, until: isoTime(untilMs) }));
  if (json) {
    printJson({ kid, kept });
    return;
  }
  print(`tokens are signed with the secret ${kid} now`);
  if (now) print('all tokens that were signed before are void');
  for (const each of kept)
    print(`tokens of ${each.kid}${each.kid === before.kid ? ', the one before,' : ''} are valid until ${each.until}`);
}

function printToken(token: string, json: boolean, claims: object): void {
  const { exp = 0, jti } = decodeJwt(token);
  if (json) printJson({ token, expiresAt: isoTime(exp * 1_000), id: jti, ...claims });
  else print(token);
}
