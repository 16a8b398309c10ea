import { setTimeout as pause } from 'node:timers/promises';
import { CONTROL_SUBPROTOCOL, MEDIA_SUBPROTOCOL } from '../../src/protocol/messages.ts';
import { until } from '../e2e/relay-process.ts';
import { RtmpAttacker } from '../e2e/rtmp-attacker.ts';
import { addressOf, frame, HostileSocket, Opcode, upgradeTo } from './hostile-socket.ts';
import type { HostileStage } from './hostile-stage.ts';

export interface MemoryAttack {
  readonly name: string;
  /** What the relay's memory may grow by, in MB. */
  readonly maxGrowthMb: number;
  /** Goes on for so long, where it does not end by itself. @returns what to call to have the hostile clients leave, and how it went */
  run(stage: HostileStage, holdMs: number): Promise<Outcome>;
}

export interface Outcome {
  readonly figures: string;
  leave(): void;
}

const RTMP_CLIENTS = 500;
const HALF_HANDSHAKES = 200;
const RTMP_PER_ADDRESS = 25;
const CONTROL_SOCKETS = 2_000;
const CONTROL_PER_ADDRESS = 200;
const CHUNK_STREAMS = 256;
const CONNECTIONS = 4;
const HUGE_BYTES = 0xffffff;
const MIB = 1_048_576;
const FLOOD_BYTES_PER_SECOND = 1_000_000;
const FLOOD_EVERY_MS = 50;

const VIDEO = 9;
const SET_CHUNK_SIZE = 1;

/** Keeps so many sockets open: whenever the relay ends one, another comes. */
async function kept(
  count: number,
  open: (index: number) => Promise<HostileSocket>,
  holdMs: number,
): Promise<{ most: number; opened: number; leave(): void }> {
  const sockets = await Promise.all(Array.from({ length: count }, (_, index) => open(index)));
  let [most, opened] = [0, count];
  for (const fromMs = performance.now(); performance.now() - fromMs < holdMs; await pause(100)) {
    most = Math.max(most, sockets.filter(({ isOpen }) => isOpen).length);
    for (const [index, socket] of sockets.entries()) {
      if (socket.isOpen) continue;
      sockets[index] = await open(index);
      opened++;
    }
  }
  const leave = () => {
    for (const socket of sockets) socket.destroy();
  };
  return { most, opened, leave };
}

const said = (what: string, { most, opened, leave }: { most: number; opened: number; leave(): void }): Outcome => ({
  figures: `${most} ${what} at once, ${opened} in all`,
  leave,
});

/** The header of a chunk that begins a message (RTMP 1.0, section 5.3.1), of a stream from 64 on. */
function beginning(chunkStream: number, length: number, type: number): Buffer {
  const header = Buffer.alloc(13);
  header[1] = chunkStream - 64;
  header.writeUIntBE(length, 5, 3);
  header[8] = type;
  header.writeUInt32LE(1, 9);
  return header;
}
const FIRST_CHUNK_STREAM = 64;

/** Broadcasters that may publish, each on a program of its own. */
const publishers = (stage: HostileStage): Promise<RtmpAttacker[]> =>
  Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, index) => {
      const name = await stage.publishName(index);
      const attacker = await RtmpAttacker.start(stage.relay.rtmpUrl, addressOf(0));
      attacker.command(0, 'connect', 1, { app: 'live', tcUrl: stage.relay.rtmpUrl });
      attacker.command(0, 'createStream', 2, null);
      attacker.command(1, 'publish', 3, null, name, 'live');
      await until(() => attacker.received.includes('NetStream.Publish.Start'), `${name} is being published`);
      return attacker;
    }),
  );

async function announced(attackers: readonly RtmpAttacker[]): Promise<Outcome> {
  for (const attacker of attackers) {
    for (let stream = 0; stream < CHUNK_STREAMS; stream++)
      attacker.bytes(Buffer.concat([beginning(FIRST_CHUNK_STREAM + stream, HUGE_BYTES, VIDEO), Buffer.alloc(128)]));
  }
  await until(() => attackers.every(({ closed }) => closed), 'every connection that announced too much is closed');
  return { figures: `${attackers.length} connections, all closed`, leave: () => undefined };
}

async function flood(stage: HostileStage, sockets: readonly HostileSocket[], message: Buffer): Promise<Outcome> {
  const block = Buffer.concat(
    Array.from({ length: Math.ceil((FLOOD_BYTES_PER_SECOND * FLOOD_EVERY_MS) / 1_000 / message.length) }, () => message),
  );
  const areEnded = async () => {
    for (const socket of sockets) socket.write(block);
    await pause(FLOOD_EVERY_MS);
    return sockets.every(({ isOpen }) => !isOpen);
  };
  await until(areEnded, 'whoever floods is cut off');
  const lasted = sockets.map(({ lastedMs }) => (lastedMs === undefined ? 'open' : `${Math.round(lastedMs)} ms`));
  const leave = () => {
    for (const socket of sockets) socket.destroy();
    stage.leave();
  };
  return { figures: `1 MB/s on each; lasted ${lasted.join(', ')}`, leave };
}

let viewers = 0;

/** A control socket, and a media socket of a viewing that has begun. */
async function bothSockets(stage: HostileStage): Promise<HostileSocket[]> {
  const url = await stage.ticketOf(stage.hostileViewer(), `flood-${viewers++}`);
  const { httpUrl } = stage.relay;
  const control = await HostileSocket.open(httpUrl, addressOf(1), upgradeTo('/v1/control', CONTROL_SUBPROTOCOL));
  const media = await HostileSocket.open(httpUrl, addressOf(1), upgradeTo(url, MEDIA_SUBPROTOCOL));
  await until(() => control.received.includes(' 101 ') && media.received.includes(' 101 '), 'both sockets are open');
  return [control, media];
}

export const MEMORY_ATTACKS: readonly MemoryAttack[] = [
  {
    name: `${RTMP_CLIENTS} idle RTMP connections`,
    maxGrowthMb: 40,
    run: async ({ relay }, holdMs) => {
      const open = (index: number) => HostileSocket.open(relay.rtmpUrl, addressOf(Math.floor(index / RTMP_PER_ADDRESS)));
      return said('connections', await kept(RTMP_CLIENTS, open, holdMs));
    },
  },
  {
    name: `${HALF_HANDSHAKES} half RTMP handshakes`,
    maxGrowthMb: 40,
    run: async ({ relay }, holdMs) => {
      const half = Buffer.concat([Buffer.of(3), Buffer.alloc(1_000)]);
      const open = (index: number) => HostileSocket.open(relay.rtmpUrl, addressOf(Math.floor(index / RTMP_PER_ADDRESS)), half);
      return said('connections', await kept(HALF_HANDSHAKES, open, holdMs));
    },
  },
  {
    name: `16 MB announced on each of ${CHUNK_STREAMS} chunk streams, by strangers`,
    maxGrowthMb: 30,
    run: async ({ relay }) =>
      announced(await Promise.all(Array.from({ length: CONNECTIONS }, () => RtmpAttacker.start(relay.rtmpUrl, addressOf(0))))),
  },
  {
    name: `16 MB announced on each of ${CHUNK_STREAMS} chunk streams, by broadcasters`,
    maxGrowthMb: 40,
    run: async (stage) => announced(await publishers(stage)),
  },
  {
    name: 'messages left unfinished by broadcasters, as much as is let',
    maxGrowthMb: 4 * 8 + 40,
    run: async (stage, holdMs) => {
      const attackers = await publishers(stage);
      const size = Buffer.alloc(4);
      size.writeUInt32BE(MIB);
      for (const attacker of attackers) {
        attacker.message(SET_CHUNK_SIZE, 0, size);
        for (let stream = 0; stream < 2; stream++) {
          attacker.bytes(Buffer.concat([beginning(FIRST_CHUNK_STREAM + stream, 4 * MIB, VIDEO), Buffer.alloc(MIB)]));
          // The rest but the last chunk; each goes on with its stream.
          for (let chunk = 1; chunk < 3; chunk++) attacker.bytes(Buffer.concat([Buffer.of(0xc0, stream), Buffer.alloc(MIB)]));
        }
      }
      // Within the time that a broadcaster may be silent.
      await pause(Math.min(holdMs, 5_000));
      const open = attackers.filter(({ closed }) => !closed).length;
      for (const attacker of attackers)
        attacker.bytes(Buffer.concat([beginning(FIRST_CHUNK_STREAM + 2, MIB, VIDEO), Buffer.alloc(128)]));
      await until(() => attackers.every(({ closed }) => closed), 'whoever announced more than that is closed');
      return { figures: `${open} held 8 MiB each, then asked for more: all closed`, leave: () => undefined };
    },
  },
  {
    name: `${CONTROL_SOCKETS} control sockets that say nothing`,
    maxGrowthMb: 160,
    run: async ({ relay }, holdMs) => {
      const hello = upgradeTo('/v1/control', CONTROL_SUBPROTOCOL);
      const open = (index: number) =>
        HostileSocket.open(relay.httpUrl, addressOf(Math.floor(index / CONTROL_PER_ADDRESS)), hello);
      return said('sockets', await kept(CONTROL_SOCKETS, open, holdMs));
    },
  },
  {
    name: 'a viewer that reads nothing',
    maxGrowthMb: 40,
    run: async (stage, holdMs) => {
      const viewer = stage.hostileViewer();
      const url = await stage.ticketOf(viewer, `deaf-${viewers++}`);
      const media = await HostileSocket.open(stage.relay.httpUrl, addressOf(1), upgradeTo(url, MEDIA_SUBPROTOCOL));
      // From the first: what is never read from keeps a small window. Who reads nothing learns only by writing that it has been cut off.
      media.deafen().drip([frame(Opcode.ping, true, '')], 1_000);
      const fromMs = performance.now();
      // Whichever comes first: it has lost chunks for too long, or has not answered a ping. Without media its viewing costs nothing.
      const howEnded = () => viewer.last('ended')?.reason ?? (media.isOpen ? undefined : 'a socket that answers no ping');
      const reason = await until(howEnded, 'a media socket that reads nothing is ended', holdMs + 60_000);
      const endedMs = performance.now() - fromMs;
      if (endedMs < 500) throw new Error('the media socket was refused');
      await pause(Math.max(0, holdMs - endedMs));
      const dropped = await stage.metric('tollcast_media_dropped_chunks_total');
      const leave = () => {
        media.destroy();
        stage.leave();
      };
      return { figures: `ended as ${reason} after ${Math.round(endedMs)} ms, ${dropped} chunks dropped`, leave };
    },
  },
  {
    name: 'a viewer that sends 1 MB/s of messages on both sockets',
    maxGrowthMb: 40,
    run: async (stage) => flood(stage, await bothSockets(stage), frame(Opcode.text, true, 'x'.repeat(100))),
  },
  {
    name: 'a viewer that sends 1 MB/s of pings on both sockets',
    maxGrowthMb: 40,
    run: async (stage) => flood(stage, await bothSockets(stage), frame(Opcode.ping, true, 'x'.repeat(100))),
  },
  {
    name: 'a viewer that sends 1 MB/s of pings and reads no pong',
    maxGrowthMb: 40,
    run: async (stage) => {
      const sockets = await bothSockets(stage);
      for (const socket of sockets) socket.deafen();
      return flood(stage, sockets, frame(Opcode.ping, true, 'x'.repeat(100)));
    },
  },
];
