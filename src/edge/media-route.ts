import type { Heartbeat } from '../api/heartbeat.ts';
import type { SocketRoute } from '../api/upgrade.ts';
import { MEDIA_SUBPROTOCOL } from '../protocol/messages.ts';
import type { Edge } from './edge.ts';
import { WebSocketMedia } from './media-socket.ts';

/** `WS /v1/programs/PROGRAM/media?ticket=…` */
export const mediaPath = /^\/v1\/programs\/(?<program>[^/]+)\/media$/;

/** Viewers send nothing here but pongs. */
const MAX_MESSAGE_BYTES = 128;
const UNSUPPORTED_DATA = 1003;
const POLICY_VIOLATION = 1008;

export const mediaRoute = (edge: Edge, heartbeat: Heartbeat): SocketRoute => ({
  subprotocol: MEDIA_SUBPROTOCOL,
  maxMessageBytes: MAX_MESSAGE_BYTES,
  isOpenToAll: false,
  accept: async ({ program = '' }, query) => {
    const ticket = query.get('ticket') ?? '';
    if (!(await edge.knows(program, ticket)))
      return {
        status: 401,
        code: 'ticket-invalid',
        message: 'the ticket is unknown, used or expired: ask for another on the control socket',
      };
    return (socket, _authenticated, stream) => {
      heartbeat.watch(socket);
      socket.on('error', () => socket.terminate());
      socket.on('message', () => {
        if (socket.readyState === socket.OPEN) socket.close(UNSUPPORTED_DATA, 'nothing is to be sent here');
        else socket.terminate();
      });
      const detach = edge.attach(program, ticket, new WebSocketMedia(socket, stream));
      if (detach === undefined) socket.close(POLICY_VIOLATION, 'the ticket was used meanwhile');
      else socket.once('close', detach);
    };
  },
});
