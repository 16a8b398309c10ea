/** Viewers put a path behind it, and their browsers throw at what they cannot connect to. */
export function isBaseUrl(text: string): boolean {
  if (!/^https?:\/\/[^\s?#\\]+$/.test(text) || !URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === '' && password === '';
}
