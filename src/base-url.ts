import { TollcastError } from './errors.ts';

/** Viewers put a path behind it, and their browsers throw at what they cannot connect to. */
export function isBaseUrl(text: string): boolean {
  if (!/^https?:\/\/[^\s?#\\]+$/.test(text) || !URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === '' && password === '';
}

const EVERY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '[::]']);

/**
 * What viewers put a path behind: what a setting says, or else where there is a listener.
 * @throws TollcastError `config-invalid` where that is every address, and so none
 */
export function reachableUrl(setting: string, configured: string | undefined, listensAt: string): string {
  if (configured !== undefined) return configured.replace(/\/+$/, '');
  if (!EVERY_ADDRESS.has(new URL(listensAt).hostname)) return listensAt;
  throw new TollcastError(
    'config-invalid',
    `${setting} is missing: where media is listened for at every address, it must say at which of them viewers reach it`,
  );
}
