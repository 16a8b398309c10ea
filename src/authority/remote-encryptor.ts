import type { KeyObject } from 'node:crypto';
import type { Logger } from 'pino';
import type { Clock, Timers } from '../clock.ts';
import type { AuthorityEnd, Encryptor } from '../encryptor/key-source.ts';
import { messageOf, unreachable } from '../errors.ts';
import type { KeyOffer } from '../keys/content-key.ts';
import type { HeldKey } from '../keys/encryptor-receipt.ts';
import type { Entered, Entry } from '../ledger/entry.ts';
import { type AuthorityMessage, EncryptorRefusal, type Report } from '../protocol/encryptor-messages.ts';
import { Absence } from './absence.ts';
import type { EncryptorExchange } from './encryptor-exchange.ts';
import type { LiveBroadcast } from './live-broadcast.ts';
import { type Channel, Outbox } from './outbox.ts';
import { RemoteKeys } from './remote-keys.ts';

/** How often a process that needs one is given a new epoch at most. */
const ANEW_EVERY_MS = 1_000;

/** An encryptor process on its socket. */
export interface EncryptorChannel extends Channel<AuthorityMessage> {
  /** Its credential. */
  readonly encryptor: string;
  readonly programs: readonly string[];
  /** Names the process: keys/encryptor-opening.ts. */
  readonly process: string;
  readonly signKey: KeyObject;
  encryptKey(contentKey: Uint8Array, of: HeldKey): string;
  /** Says why, and closes. */
  refuse(refusal: EncryptorRefusal): void;
}

export interface RemoteEncryptorPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
  readonly exchange: EncryptorExchange;
  /** How long a broadcast waits for an encryptor that was lost, or for another one. */
  readonly graceMs: number;
  record(entry: Entry): Promise<Entered>;
  endBroadcast(program: string): void;
}

/** A broadcast as an encryptor began it. */
export interface BegunElsewhere {
  readonly program: string;
  /** As the encryptor calls it. */
  readonly broadcast: string;
  /** When its timeline was at 0, by this host's clock. */
  readonly timelineZeroMs: number;
  /** How many of its reports have been taken. */
  readonly heard: number;
  /** Whether its broadcaster is away. */
  readonly away: boolean;
}

/** The authority's side of one broadcast at one encryptor process elsewhere: what it was given, what it reported, whether it is there. */
export class RemoteEncryptor implements Encryptor {
  readonly encryptor: string;
  readonly process: string;
  readonly program: string;
  readonly broadcast: string;
  readonly timelineZeroMs: number;
  readonly #ports: RemoteEncryptorPorts;
  readonly #log: Logger;
  readonly #signKey: KeyObject;
  readonly #keys: RemoteKeys;
  readonly #outbox: Outbox<AuthorityMessage>;
  readonly #absence: Absence;
  #channel: EncryptorChannel | undefined;
  #live: LiveBroadcast | undefined;
  #heard: number;
  #broadcasterAway: boolean;
  /** Nothing that it was given is of use, so it is to begin a new epoch: once it is there, and its broadcaster is. */
  #needsAnew = false;
  #anewMs = Number.NEGATIVE_INFINITY;
  #cancelAnew: () => void = () => undefined;
  /** Fenced, or its broadcast is over: it is told nothing and given nothing. */
  #gone = false;

  constructor(channel: EncryptorChannel, began: BegunElsewhere, ports: RemoteEncryptorPorts) {
    this.encryptor = channel.encryptor;
    this.process = channel.process;
    this.#signKey = channel.signKey;
    this.program = began.program;
    this.broadcast = began.broadcast;
    this.timelineZeroMs = began.timelineZeroMs;
    this.#heard = began.heard;
    this.#broadcasterAway = began.away;
    this.#ports = ports;
    this.#keys = new RemoteKeys(ports.exchange);
    this.#log = ports.log.child({ program: began.program, encryptor: channel.encryptor });
    this.#absence = new Absence(ports.timers);
    this.#outbox = new Outbox((error) => this.#log.error({ err: error }, 'a message to an encryptor could not be made'));
  }

  get live(): LiveBroadcast | undefined {
    return this.#live;
  }

  /** It has the keys of this broadcast from here on. */
  encrypts(live: LiveBroadcast): void {
    this.#live = live;
    if (this.#broadcasterAway) live.away();
  }

  isOf(channel: EncryptorChannel, broadcast: string): boolean {
    return !this.#gone && this.process === channel.process && this.broadcast === broadcast;
  }

  /** Takes its first socket. */
  attach(channel: EncryptorChannel): void {
    if (this.#live === undefined) return;
    this.#absence.end();
    this.#channel = channel;
    this.#outbox.attach(channel);
    const { id, started } = this.#live;
    // What the ledger might not have would be nobody's name for it after this process died. What follows waits behind it.
    this.#outbox.later(async () => {
      await started;
      return { type: 'begun', ...this.#run, as: id };
    });
    this.#outbox.tell({ type: 'heard', ...this.#run, seq: this.#heard });
  }

  /** Takes its socket in place of the one before, and first what could not be reported on that. @throws EncryptorRefusal */
  async reattach(channel: EncryptorChannel, reports: readonly Report[]): Promise<void> {
    this.#log.info({ reports: reports.length }, 'an encryptor is connected again');
    this.attach(channel);
    for (const report of reports) await this.take(channel, report);
    if (channel === this.#channel) this.#catchUp();
  }

  /** @throws EncryptorRefusal `receipt-invalid`, `bad-state` */
  async take(channel: EncryptorChannel, report: Report): Promise<void> {
    if (this.#gone || channel !== this.#channel) return;
    if (report.seq > this.#heard + 1)
      throw new EncryptorRefusal('bad-state', `report ${report.seq} came after report ${this.#heard}`);
    if (report.seq === this.#heard + 1) {
      this.#heard = report.seq;
      await this.#apply(report);
    }
    this.#outbox.tell({ type: 'heard', ...this.#run, seq: this.#heard });
  }

  offer(offer: KeyOffer): void {
    if (this.#gone) {
      offer.key.contentKey.fill(0);
      return;
    }
    this.#keys.give(offer, this.#ports.clock.nowMs());
    this.#send(offer.key.epoch);
  }

  end(reason: AuthorityEnd): void {
    // A shutdown is the authority's own: the encryptor goes on with the next one. Of a revocation its socket is told.
    if (!this.#gone && reason !== 'shutdown' && reason !== 'revoked') this.#outbox.tell({ type: 'end', ...this.#run, reason });
    this.#leave();
  }

  /** The socket was lost; for a while it may go on sending with the keys that it has. */
  lost(channel: EncryptorChannel): void {
    if (!this.#outbox.detach(channel)) return;
    this.#channel = undefined;
    const live = this.#live;
    if (this.#gone || live === undefined || live.isOver) return;
    const { clock, graceMs } = this.#ports;
    const begunUntilMs = live.currentBeganMs === undefined ? 0 : live.currentBeganMs + live.keyLifetimeMs;
    const sendsForMs = Math.max(0, Math.max(begunUntilMs, this.#keys.lastUntilMs) - clock.nowMs());
    this.#log.warn(
      { sendsForMs },
      'an encryptor is disconnected: it can go on with the keys that it has; see whether its process runs and reaches this one',
    );
    const silent = () => {
      this.#needsAnew = true;
      if (!live.isOver) live.away();
    };
    this.#absence.begin({ afterMs: sendsForMs, run: silent }, this.#over(live, Math.max(sendsForMs, graceMs)));
  }

  /** Its credential was revoked, of which it is told apart: nothing of it reaches a viewer any more. The broadcast waits for another. */
  revoke(): void {
    this.#vacate((live) => live.shut());
  }

  #vacate(pause: (live: LiveBroadcast) => void): void {
    if (this.#gone || this.#live === undefined || this.#live.isOver) return;
    this.#leave();
    pause(this.#live);
    this.#absence.begin(this.#over(this.#live, this.#ports.graceMs));
  }

  /** Another process goes on with its broadcast. */
  fence(): void {
    this.end('fenced');
  }

  get #run(): { program: string; broadcast: string } {
    return { program: this.program, broadcast: this.broadcast };
  }

  #leave(): void {
    this.#gone = true;
    this.#absence.end();
    this.#cancelAnew();
    this.#keys.forget();
  }

  #over(live: LiveBroadcast, afterMs: number): { afterMs: number; run: () => void } {
    const run = () => {
      if (live.isOver) return;
      this.#log.warn({ waitedMs: afterMs }, 'no encryptor came back in time: the broadcast is ended; start one for the program');
      this.#leave();
      this.#ports.endBroadcast(this.program);
    };
    return { afterMs, run };
  }

  async #apply(report: Report): Promise<void> {
    const live = this.#live;
    if (live === undefined) return;
    switch (report.type) {
      case 'receipt':
        this.#confirm(live, report.jws);
        return;
      case 'began':
        this.#began(live, report.epoch, report.agoMs);
        return;
      case 'away':
        this.#broadcasterAway = true;
        live.away();
        return;
      case 'back':
        this.#broadcasterAway = false;
        if (this.#needsAnew) this.#beginAnew(live);
        else live.back();
        return;
      case 'ended':
        if (report.reason === 'shutdown') {
          this.#log.info('an encryptor is being stopped: the broadcast waits for another');
          this.#vacate((paused) => paused.away());
        } else {
          this.#leave();
          this.#ports.endBroadcast(this.program);
        }
        return;
      default:
        unreachable(report);
    }
  }

  #confirm(live: LiveBroadcast, jws: string): void {
    const { encryptor, program } = this;
    const epoch = this.#confirmedBy(jws);
    if (epoch === undefined || this.#gone) return;
    this.#ports
      .record({ kind: 'encryptor-confirmed', program, broadcast: live.id, epoch, encryptor, receipt: jws })
      .catch((error) =>
        this.#log.error(
          { err: error, epoch },
          "an encryptor's receipt was not recorded: see the errors of the ledger before this",
        ),
      );
  }

  #confirmedBy(jws: string): number | undefined {
    const { encryptor, program } = this;
    try {
      return this.#keys.confirm(jws, { encryptor, program }, this.#signKey);
    } catch (error) {
      throw new EncryptorRefusal('receipt-invalid', `receipt refused: ${messageOf(error)}`);
    }
  }

  /** An age may be wrong, or a lie: it puts the beginning neither before the one before nor before the key was given. */
  #began(live: LiveBroadcast, epoch: number, agoMs: number): void {
    const givenMs = this.#keys.confirmedMs(epoch);
    if (givenMs === undefined || epoch <= (live.currentEpoch ?? 0)) {
      this.#log.warn(
        { epoch },
        'an encryptor began an epoch that it had confirmed no key of; that is not billed: see whether it is of the same version',
      );
      // Whatever led to it, no other beginning need ever come.
      this.#beginAnew(live);
      return;
    }
    const nowMs = this.#ports.clock.nowMs();
    const atMs = Math.min(nowMs, Math.max(nowMs - agoMs, givenMs, live.currentBeganMs ?? 0));
    this.#keys.begin(epoch);
    live.began(epoch, atMs);
  }

  /** What it was given is void. Not more often than now and then, whatever it does to bring it about. */
  #beginAnew(live: LiveBroadcast): void {
    this.#needsAnew = true;
    this.#cancelAnew();
    const nowMs = this.#ports.clock.nowMs();
    const begin = () => {
      if (!this.#needsAnew || this.#gone || live.isOver || this.#channel === undefined || this.#broadcasterAway) return;
      this.#needsAnew = false;
      this.#anewMs = this.#ports.clock.nowMs();
      live.replaced(this);
    };
    const waitMs = this.#anewMs + ANEW_EVERY_MS - nowMs;
    if (waitMs <= 0) begin();
    else this.#cancelAnew = this.#ports.timers.after(waitMs, begin);
  }

  /** It is there again. What it may not have got is sent again; one that has run out of keys begins anew. */
  #catchUp(): void {
    const live = this.#live;
    if (this.#gone || live === undefined || this.#broadcasterAway) return;
    const begunMs = live.currentBeganMs;
    const ranOut = begunMs !== undefined && this.#ports.clock.nowMs() > begunMs + live.keyLifetimeMs;
    if (this.#needsAnew || ranOut) this.#beginAnew(live);
    else for (const { key } of this.#keys.outstanding) this.#send(key.epoch);
  }

  #send(epoch: number): void {
    const channel = this.#channel;
    if (channel === undefined) return;
    this.#outbox.later(async () => {
      const offer = this.#keys.offerOf(epoch);
      if (offer === undefined) return undefined;
      const jwe = channel.encryptKey(offer.key.contentKey, { encryptor: this.encryptor, program: this.program, epoch });
      const startsInMs = Math.max(0, offer.notBeforeMs - this.#ports.clock.nowMs());
      const graceMs = offer.notAfterMs - offer.notBeforeMs;
      return { type: 'key', ...this.#run, epoch, jwe, startsInMs, graceMs, lifetimeMs: offer.lifetimeMs };
    });
  }
}
