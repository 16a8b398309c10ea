import { CONTROL_SUBPROTOCOL, MEDIA_SUBPROTOCOL } from '../../src/protocol/messages.ts';
import { until } from '../e2e/relay-process.ts';
import { frame, HostileSocket, Opcode, upgradeTo } from './hostile-socket.ts';
import type { HostileStage } from './hostile-stage.ts';

/** The relay's limits on time, as the stage was configured. */
export interface Patience {
  readonly requestTimeoutMs: number;
  readonly responseTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
}

export interface SlowAttack {
  readonly name: string;
  /** Within what the relay says that it ends one. */
  endedWithinMs(patience: Patience): number;
  /** Opens one. */
  open(stage: HostileStage, address: string): Promise<HostileSocket>;
}

const DRIP_MS = 100;
/** How late a time-out of HTTP is noticed, and what Node adds to an idle connection's. */
const HTTP_CHECK_MS = 500;
const KEEP_ALIVE_BUFFER_MS = 1_000;
/** For whoever was told over RTMP that the end has come. */
const LINGER_MS = 1_000;
/** From a control socket's opening to what it is about, and for closing it. */
const HELLO_MS = 10_000;
const CLOSE_MS = 10_000;

const bytesOf = (text: string): Buffer[] => [...Buffer.from(text, 'latin1')].map((byte) => Buffer.of(byte));
const PONG = frame(Opcode.pong, true, '');
const HALF_HELLO = Buffer.from('16030102000100', 'hex');

/** Never finishes what it began, answers pings, and does not close when it is told to. */
const UNFINISHED = [...Array.from({ length: 9 }, () => frame(Opcode.continuation, false, '')), PONG];

const http = (
  name: string,
  endedWithinMs: (patience: Patience) => number,
  first: string,
  then: readonly Buffer[],
): SlowAttack => ({
  name: `HTTP: ${name}`,
  endedWithinMs,
  open: async ({ relay }, address) => {
    const socket = await HostileSocket.open(relay.httpUrl, address, first);
    return then.length === 0 ? socket : socket.drip(then, DRIP_MS);
  },
});
const request = ({ requestTimeoutMs }: Patience): number => requestTimeoutMs + HTTP_CHECK_MS;

export const SLOW_ATTACKS: readonly SlowAttack[] = [
  http('not a byte', request, '', []),
  http('headers byte by byte', request, 'GET / HTTP/1.1\r\nHost: relay\r\nX: ', bytesOf('x')),
  http(
    'a body byte by byte',
    request,
    'POST / HTTP/1.1\r\nHost: relay\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n',
    bytesOf(' '),
  ),
  http('half an upgrade', request, upgradeTo('/v1/control', CONTROL_SUBPROTOCOL).slice(0, -2), []),
  http(
    'idle after an answer',
    ({ idleTimeoutMs }) => idleTimeoutMs + KEEP_ALIVE_BUFFER_MS,
    'GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n',
    [],
  ),
  {
    name: 'HTTP: an answer that is not read',
    endedWithinMs: ({ responseTimeoutMs }) => responseTimeoutMs,
    open: async ({ relay }, address) => {
      const socket = await HostileSocket.open(relay.httpUrl, address);
      socket.deafen().write('GET /assets/watch.js HTTP/1.1\r\nHost: relay\r\n\r\n'.repeat(50));
      // Whoever reads nothing learns only by writing that it has been cut off.
      return socket.drip(['\r\n'], DRIP_MS);
    },
  },
  {
    name: 'RTMP: a handshake byte by byte',
    endedWithinMs: ({ handshakeTimeoutMs }) => handshakeTimeoutMs + LINGER_MS,
    open: async ({ relay }, address) =>
      (await HostileSocket.open(relay.rtmpUrl, address, Buffer.of(3))).drip([Buffer.of(0)], DRIP_MS),
  },
  {
    name: 'RTMP: a chunk byte by byte',
    endedWithinMs: ({ handshakeTimeoutMs }) => handshakeTimeoutMs + LINGER_MS,
    open: async ({ relay }, address) => {
      const handshake = Buffer.concat([Buffer.of(3), Buffer.alloc(2 * 1_536)]);
      // A command of 1,000 bytes, of which one comes at a time.
      const header = Buffer.of(3, 0, 0, 0, 0, 3, 0xe8, 20, 0, 0, 0, 0);
      const socket = await HostileSocket.open(relay.rtmpUrl, address, Buffer.concat([handshake, header]));
      return socket.drip([Buffer.of(2)], DRIP_MS);
    },
  },
  {
    name: 'RTMPS: half a TLS handshake',
    endedWithinMs: ({ handshakeTimeoutMs }) => handshakeTimeoutMs,
    open: async ({ rtmpsUrl }, address) =>
      (await HostileSocket.open(rtmpsUrl, address, HALF_HELLO)).drip([Buffer.of(0)], DRIP_MS),
  },
  {
    name: 'control socket: a message that is never finished',
    endedWithinMs: () => HELLO_MS + CLOSE_MS,
    open: async ({ relay }, address) => {
      const socket = await HostileSocket.open(relay.httpUrl, address, upgradeTo('/v1/control', CONTROL_SUBPROTOCOL));
      socket.write(frame(Opcode.text, false, '{'));
      return socket.drip(UNFINISHED, DRIP_MS);
    },
  },
  {
    name: 'media socket: does not go when its viewing has ended',
    endedWithinMs: () => CLOSE_MS,
    open: async (stage, address) => {
      const viewer = stage.hostileViewer();
      const url = await stage.ticketOf(viewer, `slow-${address}`);
      const socket = await HostileSocket.open(stage.relay.httpUrl, address, upgradeTo(url, MEDIA_SUBPROTOCOL));
      await until(() => socket.received.includes(' 101 '), 'the media socket is open');
      socket.write(frame(Opcode.binary, false, 'x'));
      viewer.say({ type: 'stop' });
      return socket.drip(UNFINISHED, DRIP_MS);
    },
  },
];
