import { type Runtime, Session } from 'node:inspector';

/** How large a collection is that is in a field of something. */
export interface Collection {
  /** "Class.field" */
  readonly where: string;
  readonly size: number;
}

/** Clocks, disks, logs and what belongs to the simulator. */
const FOREIGN = /^(Sim\w+|Pino|EventEmitter|Buffer|Uint8Array|Promise|CryptoKey|Session)$/;

/** What the types of Node leave out. */
interface Properties {
  readonly privateProperties?: readonly { readonly name: string; readonly value?: Runtime.RemoteObject }[];
}

type Global = typeof globalThis & { simInspected?: unknown; simFound?: unknown[] };

/**
 * Every map, set and array that can be reached from some objects through their fields, private ones too: what JavaScript does not
 * show is asked of its debugger.
 */
export function collectionsOf(roots: readonly object[]): Collection[] {
  const session = new Session();
  session.connect();
  const found: Collection[] = [];
  const seen = new Set<unknown>();
  const look = (value: unknown, where: string): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    if (Array.isArray(value) || value instanceof Set || value instanceof Map) {
      const values = value instanceof Map ? [...value.values()] : [...value];
      found.push({ where, size: values.length });
      for (const each of values) look(each, `${where} of`);
      return;
    }
    const name = value.constructor?.name ?? '';
    if (FOREIGN.test(name) || ArrayBuffer.isView(value)) return;
    const of = name === 'Object' || name === '' ? where : name;
    for (const [field, held] of Object.entries(value)) look(held, `${of}.${field}`);
    if (of === name) for (const [field, held] of privateFields(session, value)) look(held, `${of}.${field}`);
  };
  for (const root of roots) look(root, root.constructor.name);
  session.disconnect();
  return found;
}

function privateFields(session: Session, of: object): [string, unknown][] {
  const global = globalThis as Global;
  global.simInspected = of;
  const { result } = ask<Runtime.EvaluateReturnType>(session, 'Runtime.evaluate', { expression: 'simInspected' });
  const { privateProperties = [] } = ask<Properties>(session, 'Runtime.getProperties', {
    objectId: result.objectId,
    ownProperties: true,
  });
  const objects = privateProperties.flatMap(({ name, value }) =>
    value?.objectId !== undefined && value.type === 'object' ? [{ name, objectId: value.objectId }] : [],
  );
  const [first] = objects;
  if (first === undefined) return [];
  global.simFound = [];
  ask(session, 'Runtime.callFunctionOn', {
    functionDeclaration: 'function (...found) { globalThis.simFound = found; }',
    objectId: first.objectId,
    arguments: objects.map(({ objectId }) => ({ objectId })),
  });
  const held: [string, unknown][] = objects.map(({ name }, at) => [name, global.simFound?.[at]]);
  global.simFound = [];
  global.simInspected = undefined;
  return held;
}

/** It answers before `post` returns, in one's own process. */
function ask<T>(session: Session, method: string, params: object): T {
  let answer: unknown;
  session.post(method, params, (error, result) => {
    if (error !== null) throw error;
    answer = result;
  });
  return answer as T;
}
