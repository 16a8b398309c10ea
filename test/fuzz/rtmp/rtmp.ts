import { ingestLimits } from '../../../src/ingest/limits.ts';
import { RtmpSession } from '../../../src/ingest/rtmp-session.ts';
import { FakeTime } from '../../media/fake-time.ts';
import type { Random } from '../../sim/random.ts';
import { Outcomes } from '../outcomes.ts';
import type { FuzzSession, FuzzTarget } from '../target.ts';
import { statusesOf } from './answers.ts';
import { type Conversation, conversation } from './conversation.ts';
import { MemorySocket } from './memory-socket.ts';
import { Programs } from './programs.ts';
import { ReaderBounds } from './reader-bounds.ts';
import { Witness } from './witness.ts';

/** Connections to the RTMP port, byte for byte, beside a publisher that nothing may disturb; without a network, in time of its own. */
export const rtmpTarget: FuzzTarget = {
  name: 'rtmp',
  description: 'RTMP connections, from handshake to sealed chunks',
  open: () => RtmpFuzz.open(),
};

const LIMITS = ingestLimits();
/** A turn of the event loop takes microseconds; what takes so many has no end. */
const MAX_TURNS = 10_000;

class RtmpFuzz implements FuzzSession {
  readonly outcomes = new Outcomes();
  readonly #time = new FakeTime();
  readonly #programs = new Programs(this.#time, this.#time);
  readonly #bounds = new ReaderBounds();
  readonly #witness = new Witness();
  readonly #witnessSocket = new MemorySocket();
  /** Timers that stand when nothing but the witness is there. */
  #usualTimers = 0;
  /** Why connections of this input were closed. */
  #refused: string[] = [];

  static async open(): Promise<RtmpFuzz> {
    const fuzz = new RtmpFuzz();
    fuzz.#begin(fuzz.#witnessSocket);
    fuzz.#witnessSocket.receive(fuzz.#witness.opening);
    await fuzz.#witnessSends();
    fuzz.#usualTimers = fuzz.#time.waiting;
    return fuzz;
  }

  async input(random: Random): Promise<void> {
    this.#refused = [];
    this.#programs.reset();
    const sockets = await this.#converse(random);
    await this.#witnessSends();
    await this.#allEnd(sockets);
    if (this.#programs.isAttackedPublished) throw new Error('whose connections are gone still publishes');
    this.#programs.endAttacked();
    await this.#until(() => this.#programs.isAttackedOver, 'the end of the broadcast');
    await this.#witnessSends();
    this.#bounds.check();
    if (this.#time.waiting !== this.#usualTimers) throw new Error(`${this.#time.waiting - this.#usualTimers} timers are left`);
    this.#countOutcomes(sockets);
  }

  async close(): Promise<void> {
    this.#programs.close();
    this.#witnessSocket.destroy();
    this.#bounds.close();
  }

  /** One connection; sometimes another after it, of the same broadcaster come back, or beside it. */
  async #converse(random: Random): Promise<Talk[]> {
    const first = conversation(random);
    if (random.chance(0.85)) return [await this.#talk(first, false)];
    const second = conversation(random);
    if (random.chance(0.5)) return Promise.all([this.#talk(first, true), this.#talk(second, true)]);
    const talk = await this.#talk({ ...first, stays: false }, false);
    talk.socket.destroy();
    await nextTurn();
    return [talk, await this.#talk(second, false)];
  }

  async #talk(conversation: Conversation, givesWay: boolean): Promise<Talk> {
    const socket = new MemorySocket();
    socket.isRead = !conversation.isDeaf;
    this.#begin(socket);
    for (const read of conversation.reads) {
      if (socket.isEnded) break;
      socket.receive(read);
      if (givesWay) await nextTurn();
      await this.#until(() => socket.isIdle, 'being read');
    }
    return { socket, conversation };
  }

  #begin(socket: MemorySocket): void {
    new RtmpSession(socket.socket, '192.0.2.1', {
      limits: LIMITS,
      clock: this.#time,
      timers: this.#time,
      log: this.#programs.log,
      publish: (request) => this.#programs.publish(request),
      refused: (code) => this.#refused.push(code),
    });
  }

  async #witnessSends(): Promise<void> {
    const { frame, bytes } = this.#witness.next();
    this.#programs.expect(frame);
    this.#witnessSocket.receive(bytes);
    await this.#until(() => this.#programs.isCaughtUp, "the witness's frame");
    this.#programs.check();
  }

  /** Some hang up. Those that stay are closed in their time, whatever they have come to. */
  async #allEnd(talks: readonly Talk[]): Promise<void> {
    for (const { socket, conversation } of talks) {
      if (!conversation.stays) socket.destroy();
    }
    await nextTurn();
    for (const afterMs of [LIMITS.idleTimeoutMs / 2, LIMITS.idleTimeoutMs / 2, LIMITS.lingerMs]) {
      if (talks.every(({ socket }) => socket.closed)) return;
      this.#time.advance(afterMs);
      await this.#witnessSends();
    }
    if (talks.some(({ socket }) => !socket.closed)) throw new Error('a connection that has been silent stays open');
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    for (let turn = 0; !condition(); turn++) {
      if (turn > MAX_TURNS) throw new Error(`${what} does not come`);
      await nextTurn();
    }
  }

  /** How far the input got, and what became of its connections. */
  #countOutcomes(talks: readonly Talk[]): void {
    const answers = talks.map(({ socket }) => statusesOf(Buffer.concat(socket.sent)));
    const statuses = answers.flatMap((each) => each ?? []);
    if (answers.some((each) => each !== undefined)) this.outcomes.count('got to handshake');
    if (statuses.includes('NetConnection.Connect.Success')) this.outcomes.count('got to connect');
    if (this.#programs.accepted > 0) this.outcomes.count('got to publish');
    if (this.#programs.chunks > 0) this.outcomes.count('got to media');
    for (const code of this.#refused) this.outcomes.count(`closed: ${code}`);
    if (statuses.includes('NetStream.Unpublish.Success')) this.outcomes.count('unpublished');
    if (this.#refused.length === 0) this.outcomes.count('nothing refused');
  }
}

interface Talk {
  readonly socket: MemorySocket;
  readonly conversation: Conversation;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
