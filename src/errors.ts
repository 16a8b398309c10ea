/**
 * An error meant for whoever runs or talks to Tollcast: `code` is stable and for machines, `message` is one line that says
 * what is wrong and what to do about it.
 */
export class TollcastError extends Error {
  readonly code: string;

  /** @param message cut at 1,000 characters; line breaks and other control characters in it become spaces */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(oneLine(message), options);
    this.name = 'TollcastError';
    this.code = code;
  }
}

/** Messages repeat what they are about, which may have come from anybody. */
const MAX_MESSAGE_CHARS = 1_000;

function oneLine(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ');
  return line.length <= MAX_MESSAGE_CHARS ? line : `${line.slice(0, MAX_MESSAGE_CHARS - 1)}…`;
}

/** The system's error code of an unknown thrown value (`ENOSPC`, `EADDRINUSE`, `SQLITE_FULL` …), if it has one. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The message of an unknown thrown value. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** For the `default` of an exhaustive `switch`: does not compile while a case is missing. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
