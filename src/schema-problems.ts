import type { ZodError } from 'zod';

/** What a schema has against a value, in one line: each setting or member, and what is wrong with it. */
export const problemsOf = ({ issues }: ZodError): string =>
  issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`)).join('; ');
