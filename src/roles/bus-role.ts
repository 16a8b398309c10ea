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
  metrics.total(
    `tollcast_nats_${role.kind}_unsent_total`,
    'Messages that were dropped: no connection, or too much on its way',
    () => counters.unsent,
  );
  metrics.gauge(
    `tollcast_nats_${role.kind}_unconfirmed_bytes`,
    'What was sent and NATS has not confirmed yet',
    () => bus.unconfirmedBytes,
  );
  metrics.total(`tollcast_nats_${role.kind}_unreadable_total`, 'Messages that made no sense', () => counters.unreadable);
  metrics.total(`tollcast_nats_${role.kind}_denied_total`, "What NATS's permissions did not allow", () => counters.denied);
  metrics.total(
    `tollcast_nats_${role.kind}_snapshots_total`,
    'Snapshots of all gates, given or asked for after something was missed',
    () => counters.snapshots,
  );
  metrics.total(
    `tollcast_nats_${role.kind}_lost_deliveries_total`,
    'Reports of edges that were given up, whose time is not billed',
    () => counters.lostDeliveries,
  );
  metrics.gauge(
    `tollcast_nats_${role.kind}_waiting_deliveries`,
    'Reports of this edge that the authority has not taken yet',
    () => bus.waitingDeliveries,
  );
  return bus;
}

function notReady({ isConnected, denied }: NatsBus, kind: string): string | undefined {
  if (!isConnected) return `the ${kind} has no connection to NATS`;
  return denied === undefined ? undefined : `NATS does not let the ${kind} ${denied}`;
}
