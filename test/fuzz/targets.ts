import { config } from './config.ts';
import { http } from './http/http.ts';
import { media } from './http/media.ts';
import { jwe } from './jose/jwe.ts';
import { receipts } from './jose/receipts.ts';
import { tokens } from './jose/tokens.ts';
import { chunks } from './protocol/chunks.ts';
import { control } from './protocol/control.ts';
import { encryptor } from './protocol/encryptor.ts';
import { server } from './protocol/server.ts';
import { amf0Target } from './rtmp/amf0.ts';
import { rtmpTarget } from './rtmp/rtmp.ts';
import { rtmpTcpTarget } from './rtmp/rtmp-tcp.ts';
import type { FuzzTarget } from './target.ts';

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
