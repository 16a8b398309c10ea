import type { Heartbeat } from '../api/heartbeat.ts';
import type { SocketRoute } from '../api/upgrade.ts';
import { CONTROL_SUBPROTOCOL, MAX_CONTROL_MESSAGE_BYTES } from '../protocol/messages.ts';
import { ControlConnection, type ControlPorts } from './control-connection.ts';

/** `WS /v1/control` */
export const controlPath = /^\/v1\/control$/;

export const controlRoute = (ports: ControlPorts, heartbeat: Heartbeat): SocketRoute => ({
  subprotocol: CONTROL_SUBPROTOCOL,
  maxMessageBytes: MAX_CONTROL_MESSAGE_BYTES,
  isOpenToAll: true,
  accept: () => (socket, authenticated) => {
    heartbeat.watch(socket);
    new ControlConnection(socket, ports, authenticated);
  },
});
