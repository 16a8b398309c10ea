import type { Logger } from 'pino';
import type { Heartbeat } from '../api/heartbeat.ts';
import type { SocketRoute } from '../api/upgrade.ts';
import type { RemoteEncryptors } from '../authority/remote-encryptors.ts';
import { ENCRYPTOR_SUBPROTOCOL, MAX_ENCRYPTOR_MESSAGE_BYTES } from '../protocol/encryptor-messages.ts';
import { EncryptorConnection } from './encryptor-connection.ts';
import type { MessageLimits, MessageSocketPorts } from './message-socket.ts';

/** `WS /v1/encryptor` */
export const encryptorPath = /^\/v1\/encryptor$/;

/** An encryptor asks for no more stream keys than a quarter of this (encryptor/stream-keys.ts). */
export const ENCRYPTOR_LIMITS: MessageLimits = {
  helloTimeoutMs: 10_000,
  messagesPerSecond: 40,
  burstMessages: 400,
  maxSocketBytes: 1_048_576,
};

export interface EncryptorPorts extends MessageSocketPorts {
  readonly encryptors: RemoteEncryptors;
  readonly log: Logger;
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
