import { pino } from 'pino';
import { connectNats, type NatsRole } from '../bus/nats-connect.ts';
import { NatsLink } from '../bus/nats-link.ts';
import { demandPermissions } from '../bus/nats-permission-check.ts';
import { systemTimers } from '../clock.ts';
import type { NatsConfig } from '../config/sections.ts';
import { type Found, ok } from './finding.ts';

/**
 * Connects as a role does at its start, and has the server judge what it may do: what is sent for that is empty, and ignored.
 * @throws TollcastError `nats-unreachable`, `nats-refused`, `nats-tls`, `config-invalid`
 */
export async function natsReach({ servers, seedFiles, tls }: NatsConfig<string>, role: NatsRole): Promise<readonly Found[]> {
  const seedFile = seedFiles[role.kind] ?? '';
  const options = { servers, seedFile, tls, role };
  const link = new NatsLink(await connectNats(options), systemTimers, pino({ level: 'silent' }));
  try {
    await demandPermissions(link, options);
    return [ok(`${role.kind}: connected to ${link.server}, which allows all that it needs`)];
  } finally {
    await link.close();
  }
}
