import type { Command } from 'commander';
import ms from 'ms';
import { z } from 'zod';
import { TollcastError } from '../errors.ts';

/**
 * A command's options, and those of the commands above it, by one schema: its messages complete the sentence `--ttl "soon" …`.
 * @throws TollcastError `usage`
 */
export function readOptions<T>(command: Command, schema: z.ZodType<T>): T {
  const given = command.optsWithGlobals<Readonly<Record<string, unknown>>>();
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const name = String(issue?.path[0]);
  const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  const value = typeof given[name] === 'string' ? ` "${given[name]}"` : '';
  throw new TollcastError('usage', `${flag}${value} ${issue?.message ?? 'is wrong'}`);
}

const DEFAULT_DATA = './data';

export const withData = (command: Command): Command =>
  command.option('--data <dir>', 'the data folder of the relay', DEFAULT_DATA);

export const withJson = (command: Command): Command => command.option('--json', 'JSON for machines');

/** What `withData` and `withJson` give. */
export const CommonOptions = z.object({ data: z.string().min(1, 'names no folder'), json: z.boolean().default(false) });

/** For an option that may be given several times. */
export const collect = (value: string, before: readonly string[] | undefined): string[] => [...(before ?? []), value];

const notPort = 'is not a port: use 0 (any free one) to 65535';
export const Port = z
  .string()
  .regex(/^\d{1,5}$/, notPort)
  .transform(Number)
  .pipe(z.int().max(65_535, notPort));

const LONGEST_TTL_DAYS = 3_650;
const notTtl = `is not a time from 1s to ${LONGEST_TTL_DAYS}d: write 90s, 30m, 1h or 7d`;

/** As `ms` reads it, but never without a unit, which `ms` would take for milliseconds. */
export const TtlSeconds = z
  .templateLiteral([z.number(), z.enum(['s', 'm', 'h', 'd', 'w', 'y'])], notTtl)
  .transform((text) => Math.floor(ms(text) / 1_000))
  .refine((seconds) => seconds >= 1 && seconds <= LONGEST_TTL_DAYS * 86_400, notTtl);

/** Timers count to 2^31 milliseconds. */
const MAX_SECONDS = 2_000_000;
const notSeconds = `is not a number of seconds above 0, up to ${MAX_SECONDS}`;
export const Seconds = z
  .string()
  .regex(/^\d{1,7}(\.\d{1,3})?$/, notSeconds)
  .transform(Number)
  .refine((seconds) => seconds > 0 && seconds <= MAX_SECONDS, notSeconds);

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export const LogLevel = z.enum(LOG_LEVELS, `is not one of ${LOG_LEVELS.join(', ')}`);
