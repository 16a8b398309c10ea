import { amf0Target } from './amf0-target.ts';
import { rtmpTarget } from './rtmp-target.ts';
import { rtmpTcpTarget } from './rtmp-tcp-target.ts';
import type { FuzzTarget } from './target.ts';

/** Everything that can be fuzzed. */
// biome-ignore format: a line each
export const TARGETS: readonly FuzzTarget[] = [
  amf0Target,
  rtmpTarget,
  rtmpTcpTarget,
];
