import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { z } from 'zod';
import { checked } from '../checked.ts';
import { messageOf, TollcastError } from '../errors.ts';

/**
 * A configuration from a YAML file, with what flags say over it.
 *
 * @throws TollcastError `config-invalid`: one line that names the file and the setting */
export function loadConfig<T>(schema: z.ZodType<T>, file: string | undefined, flags: object): T {
  const fromFile = file === undefined ? {} : readYaml(file);
  const parsed = checked(schema, merge(fromFile, flags));
  if (parsed.success) return parsed.data;
  throw new TollcastError('config-invalid', `${file ?? 'the configuration'} is wrong: ${parsed.problem}`);
}

/** @throws TollcastError `config-invalid` */
export function readYaml(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new TollcastError('config-invalid', `the configuration file cannot be read: ${messageOf(error)}`);
  }
  try {
    // Aliases and merge keys are looked up only here.
    return parse(text, { logLevel: 'error' }) ?? {};
  } catch (error) {
    throw new TollcastError('config-invalid', `${file} is not YAML: ${messageOf(error).split('\n')[0]}`);
  }
}

const isGroup = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Flags over file, setting by setting; a flag that was not given is undefined. */
function merge(under: unknown, over: unknown): unknown {
  if (over === undefined) return under;
  if (!isGroup(under) || !isGroup(over)) return over;
  const names = new Set([...Object.keys(under), ...Object.keys(over)]);
  return Object.fromEntries([...names].map((name) => [name, merge(under[name], over[name])]));
}
