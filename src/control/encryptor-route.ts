import type { Logger } from 'pino';
import type { Heartbeat } from '../api/heartbeat.ts';
import type { SocketRoute } from '../api/upgrade.ts';
import type { RemoteEncryptors } from '../authority/remote-encryptors.ts';
import type { Clock, Timers } from '../clock.ts';
import { ENCRYPTOR_SUBPROTOCOL, MAX_ENCRYPTOR_MESSAGE_BYTES } from '../protocol/encryptor-messages.ts';
import type { ControlLimits } from './control-connection.ts';
import type { ControlTotals } from './control-totals.ts';
import { EncryptorConnection } from './encryptor-connection.ts';

/** `WS /v1/encryptor` */
export const encryptorPath = /^\/v1\/encryptor$/;

/** An encryptor asks for no more stream keys than a quarter of this (encryptor/stream-keys.ts). */
export const ENCRYPTOR_LIMITS: ControlLimits = {
  helloTimeoutMs: 10_000,
  messagesPerSecond: 40,
  burstMessages: 400,
  maxSocketBytes: 1_048_576,
};

export interface EncryptorPorts {
  readonly encryptors: RemoteEncryptors;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
  readonly limits: ControlLimits;
  readonly totals: ControlTotals;
}

export const encryptorRoute = (ports: EncryptorPorts, heartbeat: Heartbeat): SocketRoute => ({
  subprotocol: ENCRYPTOR_SUBPROTOCOL,
  maxMessageBytes: MAX_ENCRYPTOR_MESSAGE_BYTES,
  isOpenToAll: true,
  accept: () => (socket, authenticated) => {
    heartbeat.watch(socket);
    new EncryptorConnection(socket, ports, authenticated);
  },
});
