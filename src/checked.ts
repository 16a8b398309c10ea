import type { ZodError, ZodType } from 'zod';

/** `problem`: what a schema has against a value, in one line: each setting or member, and what is wrong with it. */
export type Checked<T> = { readonly success: true; readonly data: T } | { readonly success: false; readonly problem: string };

/**
 * A value from outside by its schema. Never throws, as zod's `safeParse` does for an object whose `length` is an object that is no
 * number and no text: it compares that with what a text's length may be.
 */
export function checked<T>(schema: ZodType<T>, value: unknown): Checked<T> {
  try {
    const { success, data, error } = schema.safeParse(value);
    return success ? { success, data } : { success, problem: problemsOf(error) };
  } catch {
    return { success: false, problem: 'something in it has a length that is none' };
  }
}

/** The same for a message, which is to be JSON. */
export function checkedJson<T>(schema: ZodType<T>, text: string): Checked<T> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { success: false, problem: 'that is not JSON' };
  }
  return checked(schema, json);
}

/** Of a long list of the same, the first few tell as much. */
const MAX_PROBLEMS = 10;

const problemsOf = ({ issues }: ZodError): string =>
  issues
    .slice(0, MAX_PROBLEMS)
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
    .join('; ');
