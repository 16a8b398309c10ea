import { amf0Target } from './amf0-target.ts';
import { chunks } from './chunks.ts';
import { config } from './config.ts';
import { control } from './control.ts';
import { encryptor } from './encryptor.ts';
import { http } from './http.ts';
import { jwe } from './jwe.ts';
import { media } from './media.ts';
import { receipts } from './receipts.ts';
import { rtmpTarget } from './rtmp-target.ts';
import { rtmpTcpTarget } from './rtmp-tcp-target.ts';
import { server } from './server.ts';
import type { FuzzTarget } from './target.ts';
import { tokens } from './tokens.ts';

/** Everything that can be fuzzed. */
// biome-ignore format: a line each
export const TARGETS: readonly FuzzTarget[] = [
  amf0Target,
  rtmpTarget,
  rtmpTcpTarget,
  control,
  encryptor,
  media,
  http,
  tokens,
  receipts,
  jwe,
  chunks,
  server,
  config,
];
