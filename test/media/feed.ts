import type { Transform } from 'node:stream';

/** What a transform gives at once; it takes and gives without waiting unless it says otherwise. */
export function taken<Out>(stream: Transform): Out[] {
  const out: Out[] = [];
  for (let each: Out | null = stream.read(); each !== null; each = stream.read()) out.push(each);
  return out;
}

/** Writes one thing and takes all that comes of it. */
export function feed<In, Out>(stream: Transform, input: In): Out[] {
  stream.write(input);
  return taken<Out>(stream);
}
