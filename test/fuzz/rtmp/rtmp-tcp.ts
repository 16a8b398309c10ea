import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { systemClock, systemTimers } from '../../../src/clock.ts';
import { RtmpServer } from '../../../src/ingest/rtmp-server.ts';
import type { Random } from '../../sim/random.ts';
import { Outcomes } from '../outcomes.ts';
import type { FuzzSession, FuzzTarget } from '../target.ts';
import { type Conversation, conversation } from './conversation.ts';
import { Programs } from './programs.ts';
import { ReaderBounds } from './reader-bounds.ts';
import { Witness } from './witness.ts';

/** As `rtmp`, with a server and TCP between: a tenth of the inputs in the same time. */
export const rtmpTcpTarget: FuzzTarget = {
  name: 'rtmp-tcp',
  description: 'RTMP connections over TCP, to a server',
  open: () => RtmpTcpFuzz.open(),
};

/** On a machine with much else to do. */
const PATIENCE_MS = 30_000;

class RtmpTcpFuzz implements FuzzSession {
  readonly outcomes = new Outcomes();
  readonly #programs = new Programs(systemClock(), systemTimers);
  readonly #bounds = new ReaderBounds();
  readonly #witness = new Witness();
  readonly #server = new RtmpServer({
    host: '127.0.0.1',
    port: 0,
    log: this.#programs.log,
    clock: systemClock(),
    limits: { lingerMs: 50, idleTimeoutMs: 10 * PATIENCE_MS },
    publish: (request) => this.#programs.publish(request),
  });
  #port = 0;
  #witnessSocket!: Socket;
  #refused: ReadonlyMap<string, number> = new Map();

  static async open(): Promise<RtmpTcpFuzz> {
    const fuzz = new RtmpTcpFuzz();
    fuzz.#port = ((await fuzz.#server.listen()) as AddressInfo).port;
    fuzz.#witnessSocket = connect({ host: '127.0.0.1', port: fuzz.#port }).on('error', () => undefined);
    fuzz.#witnessSocket.resume().write(fuzz.#witness.opening);
    await fuzz.#witnessSends();
    return fuzz;
  }

  async input(random: Random): Promise<void> {
    this.#programs.reset();
    const conversations = Array.from({ length: random.between(1, 3) }, () => ({ ...conversation(random), end: endOf(random) }));
    const talks = conversations.map((each) => this.#talk(each, sourceAddress(random)));
    await this.#witnessSends();
    await Promise.all(talks);
    await this.#until(() => this.#server.connections === 1, 'the end of the connections');
    if (this.#programs.isAttackedPublished) throw new Error('whose connections are gone still publishes');
    this.#programs.endAttacked();
    await this.#until(() => this.#programs.isAttackedOver, 'the end of the broadcast');
    await this.#witnessSends();
    this.#bounds.check();
    this.#countOutcomes();
  }

  async close(): Promise<void> {
    this.#witnessSocket.destroy();
    this.#programs.close();
    this.#bounds.close();
    await this.#server.close();
  }

  async #talk({ reads, isDeaf, end }: Conversation & { end: End }, localAddress: string): Promise<void> {
    const socket = connect({ host: '127.0.0.1', port: this.#port, localAddress, noDelay: true });
    // To be reset is an answer like another.
    socket.on('error', () => undefined);
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    await Promise.race([once(socket, 'connect').catch(() => undefined), closed]);
    if (isDeaf) socket.pause();
    else socket.resume();
    for (const read of reads) {
      if (!socket.writable) break;
      if (!socket.write(read)) await nextTurn();
    }
    // Who does not read would not see that the other side has closed.
    if (end === 'ends' && !isDeaf) socket.end();
    else {
      await new Promise((resolve) => socket.write('', resolve));
      if (end === 'drops') socket.destroy();
      else socket.resetAndDestroy();
    }
    await closed;
  }

  async #witnessSends(): Promise<void> {
    const { frame, bytes } = this.#witness.next();
    this.#programs.expect(frame);
    this.#witnessSocket.write(bytes);
    await this.#until(() => this.#programs.isCaughtUp, "the witness's frame");
    this.#programs.check();
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    const startedMs = performance.now();
    while (!condition()) {
      if (performance.now() - startedMs > PATIENCE_MS) throw new Error(`${what} does not come`);
      await nextTurn();
    }
  }

  #countOutcomes(): void {
    if (this.#programs.accepted > 0) this.outcomes.count('got to publish');
    if (this.#programs.chunks > 0) this.outcomes.count('got to media');
    const refused = new Map(this.#server.refused);
    for (const [code, count] of refused) {
      for (let left = count - (this.#refused.get(code) ?? 0); left > 0; left--) this.outcomes.count(`closed: ${code}`);
    }
    this.#refused = refused;
  }
}

type End = 'ends' | 'drops' | 'resets';
const endOf = (random: Random): End => random.pick(['ends', 'ends', 'drops', 'resets']);

/** Each from another address, so that no port is waited for. */
const sourceAddress = (random: Random): string =>
  `127.${random.between(1, 254)}.${random.between(0, 255)}.${random.between(1, 254)}`;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
