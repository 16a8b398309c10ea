export type Settings = { readonly [name: string]: unknown };

/** `viewers.mediaThreads=2` as a part of a configuration. @throws Error on anything else */
export function setting(text: string): Settings {
  const [, path = '', value = ''] = /^([\w.]+)=(.+)$/.exec(text) ?? [];
  if (path === '') throw new Error(`"${text}" is no setting such as viewers.maxBatchMs=50`);
  const parsed: unknown = /^(\d+(\.\d+)?|true|false)$/.test(value) ? JSON.parse(value) : value;
  return path.split('.').reduceRight<Settings>((within, name) => ({ [name]: within }), parsed as Settings);
}

/** Both, one section within the other; of two values of one setting the later one. */
export function merged(one: Settings, other: Settings): Settings {
  const entries = Object.entries(other).map(([name, value]): [string, unknown] => {
    const before = one[name];
    return [name, isSection(before) && isSection(value) ? merged(before, value) : value];
  });
  return { ...one, ...Object.fromEntries(entries) };
}

const isSection = (value: unknown): value is Settings => typeof value === 'object' && value !== null && !Array.isArray(value);
