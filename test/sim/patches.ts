/** What was changed of the product's classes for one run. */
const undo: (() => void)[] = [];

type Methods<T> = { [K in keyof T]: T[K] extends (...args: never[]) => unknown ? K : never }[keyof T];
type Method<T, K extends keyof T> = T[K] extends (...args: infer A) => infer R ? (...args: A) => R : never;

/** Has a method of a class do something else, until `unpatch`. `instead` is handed the object and what the method did. */
export function patch<T, K extends Methods<T> & string>(
  of: { readonly prototype: T },
  method: K,
  instead: (self: T, original: Method<T, K>, ...args: Parameters<Method<T, K>>) => ReturnType<Method<T, K>>,
): void {
  const { prototype } = of;
  const original = prototype[method] as Method<T, K>;
  const replaced = function (this: T, ...args: Parameters<Method<T, K>>) {
    return instead(
      this,
      ((...others: Parameters<Method<T, K>>) => Reflect.apply(original, this, others)) as Method<T, K>,
      ...args,
    );
  };
  Object.assign(prototype as object, { [method]: replaced });
  undo.push(() => Object.assign(prototype as object, { [method]: original }));
}

/** The same of what looks like a field. */
export function patchGetter<T>(of: { readonly prototype: T }, name: keyof T & string, value: unknown): void {
  const prototype = of.prototype as object;
  const original = Object.getOwnPropertyDescriptor(prototype, name);
  if (original === undefined) throw new Error(`there is no ${name}`);
  Object.defineProperty(prototype, name, { configurable: true, get: () => value });
  undo.push(() => Object.defineProperty(prototype, name, original));
}

export function unpatch(): void {
  for (const one of undo.splice(0)) one();
}
