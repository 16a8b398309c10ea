import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { type Clock, type Timers, wallMsOf } from '../clock.ts';
import { MessageBudget } from '../control/message-budget.ts';
import type { Ledger, LedgerReader } from '../ledger/ledger.ts';
import {
  type AuthorityMessage,
  type EncryptorMessage,
  EncryptorRefusal,
  MAX_AGE_MS,
  type Report,
} from '../protocol/encryptor-messages.ts';
import type { Authority } from './authority.ts';
import { EncryptorCredentials } from './encryptor-credentials.ts';
import { type EncryptorExchange, nodeEncryptorExchange } from './encryptor-exchange.ts';
import type { LiveBroadcast } from './live-broadcast.ts';
import { type BegunElsewhere, type EncryptorChannel, RemoteEncryptor, type RemoteEncryptorPorts } from './remote-encryptor.ts';

/** Default of `graceMs`. */
const GRACE_MS = 60_000;
/** What a timeline that is taken over skips, so that it does not go back whatever was on its way. */
const TIMELINE_MARGIN_MS = 1_000;
/** Each uses up an epoch's number and sends every viewer a key: of each program, so many hand-overs, and so many beginnings. */
const PER_SECOND = 1;

export interface RemoteEncryptorsPorts {
  readonly authority: Authority;
  readonly ledger: Ledger;
  readonly reader: LedgerReader;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
  /** How long a broadcast waits for an encryptor that was lost, or for another one. */
  readonly graceMs?: number;
  readonly exchange?: EncryptorExchange;
}

const REVOKED = new EncryptorRefusal('credential-revoked', 'the credential of this encryptor was revoked');

type Begin = Extract<EncryptorMessage, { type: 'begin' }>;
type Verify = Extract<EncryptorMessage, { type: 'verify' }>;
type Verified = Extract<AuthorityMessage, { type: 'verified' }>;

/**
 * The encryptors elsewhere (DESIGN.md, section 3, "split"), and which process has which program. A key goes to one process only:
 * whoever takes over gets a new epoch, and the one before is fenced (DESIGN.md, section 4, "One key, one counter").
 */
export class RemoteEncryptors {
  readonly credentials: EncryptorCredentials;
  readonly #ports: RemoteEncryptorsPorts;
  readonly #channels = new Set<EncryptorChannel>();
  /** Who had the broadcast of each program last. */
  readonly #holders = new Map<string, RemoteEncryptor>();
  /** By program. */
  readonly #handOvers = new Map<string, MessageBudget>();
  readonly #beginnings = new Map<string, MessageBudget>();
  readonly #unsubscribe: () => void;
  #isClosed = false;

  constructor(ports: RemoteEncryptorsPorts) {
    this.#ports = ports;
    // Before the first reading, so that nothing falls between.
    this.#unsubscribe = ports.ledger.onForeign(({ entry }) => {
      this.credentials.apply(entry);
      if (entry.kind === 'encryptor-revoked') this.#revoke(entry.encryptor);
    });
    this.credentials = new EncryptorCredentials(() => ports.reader.encryptors(), ports.clock);
  }

  /** How many processes are connected. */
  get connected(): number {
    return this.#channels.size;
  }

  opened(channel: EncryptorChannel): void {
    this.#channels.add(channel);
  }

  closed(channel: EncryptorChannel): void {
    this.#channels.delete(channel);
    if (this.#isClosed) return;
    for (const holder of this.#holders.values()) holder.lost(channel);
  }

  verify(channel: EncryptorChannel, { id, program, streamKeyHash }: Verify): Verified {
    const holder = this.#holderOf(program);
    const reachedMs = holder === undefined ? 0 : this.#ports.clock.nowMs() - holder.timelineZeroMs + TIMELINE_MARGIN_MS;
    const timelineMs = Math.min(MAX_AGE_MS, reachedMs);
    const refusal = channel.programs.includes(program)
      ? this.#ports.authority.verifyStreamKey(program, streamKeyHash)
      : { code: 'program-not-allowed', message: `this encryptor is not allowed to broadcast ${program}` };
    return { type: 'verified', id, timelineMs, ...(refusal === undefined ? {} : { refusal }) };
  }

  /** @throws EncryptorRefusal */
  async begin(channel: EncryptorChannel, begin: Begin): Promise<void> {
    if (this.#isClosed || this.#ports.authority.isClosing) return;
    const { program, broadcast, reports } = begin;
    const end = (reason: 'program-removed' | 'program-not-allowed' | 'fenced') =>
      channel.send({ type: 'end', program, broadcast, reason });
    if (!channel.programs.includes(program)) return end('program-not-allowed');
    const live = this.#ports.authority.broadcasts.get(program);
    const holder = this.#holderOf(program);
    if (holder?.isOf(channel, broadcast)) {
      await holder.reattach(channel, reports);
      return;
    }
    const last = reports.at(-1);
    if (last?.type === 'ended') {
      channel.send({ type: 'heard', program, broadcast, seq: last.seq });
      return;
    }
    if (live !== undefined && (holder === undefined || begin.as !== undefined)) return end('fenced');
    if (!this.#exists(program)) return end('program-removed');
    this.#pace(live === undefined ? this.#beginnings : this.#handOvers, program);
    this.#handOver(channel, begin, live).attach(channel);
  }

  /** @throws EncryptorRefusal */
  async report(channel: EncryptorChannel, report: Report): Promise<void> {
    const holder = this.#holderOf(report.program);
    if (holder?.broadcast === report.broadcast) await holder.take(channel, report);
  }

  /** Closes every socket; the encryptors go on with the next authority. */
  close(): void {
    this.#isClosed = true;
    this.#unsubscribe();
    for (const channel of this.#channels) channel.close(1001, 'shutdown');
  }

  /** Whose broadcast of a program is under way. */
  #holderOf(program: string): RemoteEncryptor | undefined {
    const holder = this.#holders.get(program);
    return holder?.live !== undefined && holder.live === this.#ports.authority.broadcasts.get(program) ? holder : undefined;
  }

  #exists(program: string): boolean {
    const { programs } = this.#ports.authority;
    if (programs.get(program) === undefined) programs.refresh();
    return programs.get(program) !== undefined;
  }

  /** @throws EncryptorRefusal `try-later` */
  #pace(budgets: Map<string, MessageBudget>, program: string): void {
    const budget = budgets.get(program) ?? new MessageBudget(PER_SECOND, 1, this.#ports.clock);
    budgets.set(program, budget);
    if (!budget.take())
      throw new EncryptorRefusal('try-later', `${program} began, or was taken over, less than a second ago: begin it again then`);
  }

  /** The broadcast that a beginning goes on with, after an authority that died: their viewings are one charge. */
  #before({ program, broadcast, as }: Begin): string | undefined {
    const { reader, clock, graceMs = GRACE_MS } = this.#ports;
    const named = [as, broadcast].find((id) => id !== undefined && reader.knowsBroadcast(program, id));
    return named ?? reader.interruptedBroadcast(program, wallMsOf(clock, clock.nowMs()), graceMs);
  }

  /** As the encryptor calls it, unless that was a broadcast once. */
  #newId({ broadcast }: Begin): string {
    // One that began a moment ago may not be in the ledger yet.
    const isRecent = [...this.#holders.values()].some(({ live }) => live?.id === broadcast);
    return isRecent || this.#ports.reader.knowsBroadcast(undefined, broadcast) ? randomUUID() : broadcast;
  }

  /** Gives a process the broadcast that is under way, or a new one; the process that had it is fenced. */
  #handOver(channel: EncryptorChannel, begin: Begin, live: LiveBroadcast | undefined): RemoteEncryptor {
    const { program } = begin;
    const { authority, log } = this.#ports;
    const next = new RemoteEncryptor(channel, this.#takenUp(begin), this.#remotePorts());
    const about = { program, encryptor: channel.encryptor, process: channel.process };
    if (live === undefined) {
      const continues = this.#before(begin);
      const started = authority.startBroadcast(program, this.#newId(begin), next, continues);
      next.encrypts(started);
      log.info({ ...about, broadcast: started.id, continues }, 'an encryptor began a broadcast');
    } else {
      const before = this.#holders.get(program);
      before?.fence();
      live.replaced(next);
      next.encrypts(live);
      log.warn(
        { ...about, broadcast: live.id, before: before?.encryptor, beforeProcess: before?.process },
        'an encryptor takes over a broadcast; the process that had it is fenced',
      );
    }
    this.#holders.set(program, next);
    return next;
  }

  /** What it has reported so far was about keys of an authority before this one: all that counts is whether its broadcaster is there. */
  #takenUp({ program, broadcast, timelineMs, away, heard, reports }: Begin): BegunElsewhere {
    const last = reports.findLast(({ type }) => type === 'away' || type === 'back');
    const zeroMs = this.#ports.clock.nowMs() - timelineMs;
    return {
      program,
      broadcast,
      timelineZeroMs: Math.min(zeroMs, this.#holderOf(program)?.timelineZeroMs ?? zeroMs),
      heard: reports.at(-1)?.seq ?? heard,
      away: last === undefined ? away : last.type === 'away',
    };
  }

  #revoke(encryptor: string): void {
    for (const holder of this.#holders.values()) if (holder.encryptor === encryptor) holder.revoke();
    for (const channel of this.#channels) if (channel.encryptor === encryptor) channel.refuse(REVOKED);
    this.#ports.log.warn({ encryptor }, 'the credential of an encryptor was revoked: it is cut off');
  }

  #remotePorts(): RemoteEncryptorPorts {
    const { authority, ledger, clock, timers, log, graceMs = GRACE_MS, exchange = nodeEncryptorExchange } = this.#ports;
    return {
      clock,
      timers,
      log,
      exchange,
      graceMs,
      record: (entry) => ledger.append(entry),
      endBroadcast: (program) => authority.endBroadcast(program, 'broadcast-ended'),
    };
  }
}
