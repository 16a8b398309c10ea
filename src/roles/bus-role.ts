import type { Bus } from '../bus/bus.ts';
import { type NatsBus, openNatsBus } from '../bus/nats-bus.ts';
import type { NatsRole } from '../bus/nats-connect.ts';
import type { NatsConfig } from '../config/sections.ts';
import type { Host } from './host.ts';

/**
 * One role's end of the bus over NATS. `isVital`: without it the process is not ready.
 * @throws TollcastError `nats-unreachable`, `nats-refused`, `nats-tls`, `config-invalid`
 */
export async function busRole<Kind extends NatsRole['kind']>(
  host: Host,
  config: NatsConfig<Kind>,
  role: NatsRole & { kind: Kind },
  { isVital = true }: { readonly isVital?: boolean } = {},
): Promise<Bus> {
  const { clock, timers, log, metrics } = host;
  const { servers, seedFiles, tls } = config;
  const bus = await openNatsBus({ servers, seedFile: seedFiles[role.kind], tls, role, clock, timers, log });
  host.onClose(() => bus.close());
  if (isVital) host.onReadiness(() => notReady(bus, role.kind));
  const { counters } = bus;
  metrics.gauge(`tollcast_nats_${role.kind}_connected`, '1 while there is a connection to NATS', () => (bus.isConnected ? 1 : 0));
  metrics.total(
    `tollcast_nats_${role.kind}_reconnects_total`,
    'Connections to NATS that were lost and came back',
    () => counters.reconnections,
  );
  return bus;
}

function notReady({ isConnected, denied }: NatsBus, kind: string): string | undefined {
  if (!isConnected) return `the ${kind} has no connection to NATS`;
  return denied === undefined ? undefined : `NATS does not let the ${kind} ${denied}`;
}
