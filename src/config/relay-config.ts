import { z } from 'zod';
import { loadConfig } from './load-config.ts';
import {
  broadcast,
  hasOwnMediaPort,
  host,
  httpWithPages,
  keys,
  log,
  nats,
  notOwnMediaPort,
  rtmp,
  rtmps,
  tokens,
  viewersHere,
} from './sections.ts';

/** How a relay is set up (config/relay.yaml). */
export const RelayConfig = z
  .strictObject({
    host,
    http: httpWithPages,
    rtmp,
    rtmps: rtmps.optional(),
    broadcast,
    keys,
    viewers: viewersHere,
    tokens,
    /** Only where it has further edges, on other hosts. */
    nats: nats('authority', 'encryptor').optional(),
    log,
  })
  .refine(hasOwnMediaPort, notOwnMediaPort);

export type RelayConfig = z.infer<typeof RelayConfig>;
export type RelayConfigInput = z.input<typeof RelayConfig>;

/** @throws TollcastError `config-invalid` */
export const loadRelayConfig = (file: string | undefined, flags: RelayConfigInput): RelayConfig =>
  loadConfig(RelayConfig, file, flags);
