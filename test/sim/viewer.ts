import type { Channel } from '../../src/authority/outbox.ts';
import type { ViewingSession } from '../../src/authority/viewing-session.ts';
import type { MediaMessage } from '../../src/edge/media-message.ts';
import type { MediaSocket } from '../../src/edge/media-socket.ts';
import type { ServerMessage } from '../../src/protocol/messages.ts';
import { payloadOf } from '../edge/payload-of.ts';
import { openUpdate, proofOf, resumeOf } from './exchange.ts';
import type { Random } from './random.ts';
import type { SimTime } from './time.ts';
import type { SimWorld } from './world.ts';

/** How a viewer is. Most are honest; the others try what there is to try. */
export const CHARACTERS = [
  'honest',
  'honest',
  'honest',
  'leaver',
  'silent',
  'late',
  'flaky',
  'slow',
  'forger',
  'repeater',
  'rewatcher',
  'returner',
] as const;
export type Character = (typeof CHARACTERS)[number];

export const deviceOf = (viewer: string): string => `device of ${viewer}`;

/** One who watches, or tries to. */
export class SimViewer {
  readonly name: string;
  readonly program: string;
  readonly token: { readonly id: string; readonly cap?: string };
  readonly character: Character;
  readonly #world: SimWorld;
  readonly #time: SimTime;
  readonly #random: Random;
  session: ViewingSession | undefined;
  #channel: SimChannel | undefined;
  #media: SimMediaSocket | undefined;
  #answered: string[] = [];
  #patience: number;
  #over = false;

  constructor(world: SimWorld, name: string, program: string, token: { id: string; cap?: string }, character: Character) {
    this.#world = world;
    this.#time = world.time;
    this.#random = world.random;
    this.name = name;
    this.program = program;
    this.token = token;
    this.character = character;
    this.#patience = this.#random.between(1, 8);
  }

  get device(): string {
    return deviceOf(this.name);
  }

  async watch(): Promise<void> {
    if (this.#over) return;
    const channel = new SimChannel(this.device, this.#time, this.#random, (message) => this.#take(message, channel));
    this.#channel = channel;
    this.session = await this.#world.watch(this, channel);
    if (this.session === undefined) this.#later(this.#random.between(500, 4_000), () => void this.watch());
  }

  stop(): void {
    this.#over = true;
    const { session } = this;
    if (session === undefined) return;
    this.#world.asks(session, () => {
      this.#world.oracle.closed(session.id);
      session.dispatch({ type: 'end', reason: 'stopped' });
    });
  }

  /** The server died: it is watched anew. */
  lostServer(): void {
    this.#channel?.cut();
    this.#media?.cut();
    this.session = undefined;
    if (!this.#over) this.#later(this.#random.between(500, 4_000), () => void this.watch());
  }

  lostMedia(): void {
    this.#media = undefined;
    this.#later(this.#random.between(200, 1_500), () => this.#askTicket());
  }

  /** What is wrong with its connection, now and then. */
  #stumble(): void {
    if (this.character === 'flaky' && this.#random.chance(0.3)) this.#loseControl();
    if (this.character === 'slow' && this.#random.chance(0.5)) this.#media?.clog(this.#random.between(500, 8_000));
    if (this.character === 'flaky' && this.#random.chance(0.2)) this.#media?.cut();
    if (this.character === 'leaver' && --this.#patience <= 0) this.stop();
    if (this.character === 'rewatcher' && this.#random.chance(0.3)) void this.watch();
    if (this.character === 'returner' && this.#random.chance(0.2)) {
      this.stop();
      this.#over = false;
      this.#later(this.#random.between(100, 5_000), () => void this.watch());
    }
  }

  #take(message: ServerMessage, channel: SimChannel): void {
    if (channel !== this.#channel) return;
    switch (message.type) {
      case 'key':
        this.#answer(message.jwe);
        this.#stumble();
        return;
      case 'ticket':
        this.#media?.leave();
        this.#later(this.#random.between(1, 60), () => void this.#join(message.ticket, message.url, channel));
        return;
      case 'ended':
        this.#media?.leave();
        this.#world.told(this.session?.id ?? '', { ms: message.usage.billableMs, final: message.final });
        this.session = undefined;
        if (message.reason !== 'stopped' && !this.#over) this.#later(this.#random.between(500, 8_000), () => void this.watch());
        return;
      default:
        return;
    }
  }

  #answer(jwe: string): void {
    const { viewing, epoch, key } = openUpdate(jwe);
    const receipt = (proof: string, of = viewing) =>
      JSON.stringify({ viewing: of, epoch, chunks: 0, proof, device: this.device });
    const good = receipt(proofOf(key));
    switch (this.character) {
      case 'silent':
        if (this.#patience <= 0) this.#world.oracle.count('cheats: keys left unanswered');
        if (--this.#patience > 0) this.#confirm(good, this.#random.between(5, 200));
        return;
      case 'late':
        this.#confirm(good, this.#random.between(5, 3_000));
        return;
      case 'forger':
        this.#world.oracle.count('cheats: forged receipts', 2);
        this.#world.oracle.count('cheats: receipts of others or repeated', this.#answered.length);
        this.#confirm(receipt('guessed'), 5);
        this.#confirm(receipt(proofOf(key), this.#world.otherViewing(viewing)), 6);
        for (const old of this.#answered) this.#confirm(old, 7);
        if (this.#random.chance(0.7)) this.#confirm(good, this.#random.between(5, 400));
        break;
      case 'repeater':
        this.#world.oracle.count('cheats: receipts of others or repeated', 2);
        for (let time = 0; time < 3; time++) this.#confirm(good, this.#random.between(5, 600));
        break;
      default:
        this.#confirm(good, this.#random.between(5, 200));
    }
    this.#answered = [...this.#answered, good].slice(-5);
  }

  #confirm(jws: string, afterMs: number): void {
    const { session } = this;
    const channel = this.#channel;
    if (session === undefined) return;
    this.#later(afterMs, () => {
      if (channel?.isCut) return;
      this.#world.asks(session, () => void session.receive(jws).catch(() => undefined));
    });
  }

  #loseControl(): void {
    const { session } = this;
    const channel = this.#channel;
    if (session === undefined || channel === undefined) return;
    channel.cut();
    this.#world.asks(session, () => session.lost(channel));
    if (this.#random.chance(0.2)) return;
    this.#later(this.#random.between(100, 6_000), () => this.#resume(session));
  }

  #resume(session: ViewingSession): void {
    if (this.session !== session) return;
    const by = this.#random.chance(0.1) ? deviceOf('a thief') : this.device;
    const channel = new SimChannel(by, this.#time, this.#random, (message) => this.#take(message, channel));
    channel.viewing = session.id;
    if (by !== this.device) this.#world.oracle.count('cheats: a resume by another device');
    this.#world.resume(session.id, resumeOf(session.id, by), channel).then(
      () => {
        if (by !== this.device) return;
        this.#channel = channel;
      },
      () => {
        if (by !== this.device) return;
        this.session = undefined;
        this.#later(this.#random.between(500, 3_000), () => void this.watch());
      },
    );
  }

  #askTicket(): void {
    const { session } = this;
    if (session !== undefined && !this.#channel?.isCut) this.#world.asks(session, () => this.#world.newTicket(session));
  }

  async #join(ticket: string, url: string, channel: SimChannel): Promise<void> {
    const socket = new SimMediaSocket(this.#world, channel.viewing, () => {
      if (this.#media === socket) this.lostMedia();
    });
    this.#media = socket;
    if (!(await this.#world.join(this.program, ticket, url, socket))) socket.cut();
  }

  #later(delayMs: number, run: () => void): void {
    this.#time.after(delayMs, run);
  }
}

/** A control socket: what is sent arrives in order, a little later, while it is open. */
export class SimChannel implements Channel {
  /** At its other end. */
  readonly device: string;
  readonly #time: SimTime;
  readonly #random: Random;
  readonly #arrived: (message: ServerMessage) => void;
  /** Whose it is, as far as the server has said so. */
  viewing = '';
  sent: (message: ServerMessage) => void = () => undefined;
  #lastMs = 0;
  isCut = false;

  constructor(device: string, time: SimTime, random: Random, arrived: (message: ServerMessage) => void) {
    this.device = device;
    this.#time = time;
    this.#random = random;
    this.#arrived = arrived;
  }

  send(message: ServerMessage): void {
    if (this.isCut) return;
    this.sent(message);
    this.#lastMs = Math.max(this.#lastMs, this.#time.nowMs + this.#random.between(1, 40));
    this.#time.at(this.#lastMs, () => {
      if (!this.isCut) this.#arrived(message);
    });
  }

  close(): void {
    const atMs = Math.max(this.#lastMs, this.#time.nowMs) + 1;
    this.#time.at(atMs, () => this.cut());
  }

  cut(): void {
    this.isCut = true;
  }
}

/** A media socket, that may be slow. */
export class SimMediaSocket implements MediaSocket {
  readonly #world: SimWorld;
  readonly viewing: string;
  readonly #lost: () => void;
  #detach: (() => void) | undefined;
  /** What serves it: a process's fan-out of a program, which begins anew when a broadcast is over. */
  fanOut = '';
  isOpen = true;
  bufferedBytes = 0;
  /** Has never been full. */
  isHealthy = true;
  #clogged = false;

  constructor(world: SimWorld, viewing: string, lost: () => void) {
    this.#world = world;
    this.viewing = viewing;
    this.#lost = lost;
  }

  attached(detach: () => void): void {
    this.#detach = detach;
  }

  send(message: MediaMessage): void {
    const payload = payloadOf(message);
    if (this.#clogged) this.bufferedBytes += payload.length;
    this.#world.sentMedia(this, payload);
  }

  close(_code?: number, reason?: string): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    if (reason === 'the edge is closing') this.#world.fanOutLeft(this.fanOut);
    this.#world.left(this);
    this.#detach?.();
    this.#lost();
  }

  /** The network takes nothing for a while. */
  clog(forMs: number): void {
    this.#clogged = true;
    this.isHealthy = false;
    this.bufferedBytes = 2_000_000;
    this.#world.slow(1);
    this.#world.time.after(forMs, () => {
      this.#world.slow(-1);
      this.#clogged = false;
      this.bufferedBytes = 0;
    });
  }

  cut(): void {
    this.close();
  }

  /** Given up by its viewer for another one. */
  leave(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#world.left(this);
    this.#detach?.();
  }
}
