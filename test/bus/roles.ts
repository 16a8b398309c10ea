import { readFileSync } from 'node:fs';
import { connect, type NatsConnection, nkeyAuthenticator } from '@nats-io/transport-node';
import pino from 'pino';
import { type NatsBus, type NatsBusOptions, openNatsBus } from '../../src/bus/nats-bus.ts';
import type { Grant } from '../../src/bus/nats-permissions.ts';
import { type Clock, systemClock, systemTimers } from '../../src/clock.ts';
import type { SealedChunk } from '../../src/media/chunk.ts';
import { encodeHeader } from '../../src/sframe/header.ts';
import type { TestNats } from './nats-server.ts';

export const GRANTS: readonly Grant[] = [
  { kind: 'authority' },
  { kind: 'encryptor', name: 'studio', programs: ['news'] },
  { kind: 'edge', name: 'a' },
  { kind: 'edge', name: 'b' },
];

const silent = pino({ level: 'silent' });

/** The bus of a role, with the credential that it was given. */
export function busOf(nats: TestNats, credential: string, options: Partial<NatsBusOptions> = {}): Promise<NatsBus> {
  const [kind, name = ''] = credential.split('-');
  const role =
    kind === 'edge'
      ? ({ kind, edge: name } as const)
      : kind === 'authority'
        ? ({ kind } as const)
        : ({ kind: 'encryptor' } as const);
  return openNatsBus({
    servers: [nats.url],
    seedFile: nats.seedFile(credential),
    role,
    clock: systemClock(),
    timers: systemTimers,
    log: silent,
    ...options,
  });
}

/** A connection of who has stolen a credential: the plain client. */
export const connectionOf = (nats: TestNats, credential: string): Promise<NatsConnection> =>
  connect({ servers: nats.url, authenticator: nkeyAuthenticator(readFileSync(nats.seedFile(credential)).subarray(0, 58)) });

/** A clock of another host: this one's, `aheadMs` on. */
export function clockAhead(aheadMs: number): Clock {
  const clock = systemClock();
  return { ...clock, nowMs: () => clock.nowMs() + aheadMs };
}

/** What looks like a sealed chunk to whoever cannot open it. */
export function chunkOf(epoch: number, counter: number, { flags = 2, bytes = 1_000 } = {}): SealedChunk {
  const body = Buffer.alloc(bytes, counter);
  return { epoch, counter, flags, bytes: Buffer.concat([Buffer.of(flags), encodeHeader(epoch, counter), body]) };
}
