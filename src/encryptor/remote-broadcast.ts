import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import { type AuthorityMessage, type EncryptorMessage, MAX_AGE_MS } from '../protocol/encryptor-messages.ts';
import type { Connection } from './authority-connection.ts';
import type { AuthorityEnd, BroadcastReports, Encryptor } from './key-source.ts';
import { type Draft, ReportQueue } from './report-queue.ts';

type Key = Extract<AuthorityMessage, { type: 'key' }>;

export interface RemoteBroadcastPorts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Of the credential. */
  readonly encryptor: string;
  readonly isConnected: () => boolean;
  send(message: EncryptorMessage): void;
  /** Nothing is left to be said about it. */
  done(): void;
}

/** The encryptor's side of one broadcast whose authority is elsewhere: its keys come, what becomes of them is reported. */
export class RemoteBroadcast implements BroadcastReports {
  readonly program: string;
  readonly broadcast: string;
  readonly #encryptor: Encryptor;
  readonly #ports: RemoteBroadcastPorts;
  readonly #timelineZeroMs: number;
  readonly #reports: ReportQueue;
  /** What the authority calls it. */
  #as: string | undefined;
  #newestKey = 0;
  #newestBegun = 0;
  /** The authority may know of it. */
  #announced = false;
  #over = false;

  /** @param timelineZeroMs when its timeline was at 0 */
  constructor(
    run: { readonly program: string; readonly broadcast: string },
    timelineZeroMs: number,
    encryptor: Encryptor,
    ports: RemoteBroadcastPorts,
  ) {
    this.program = run.program;
    this.broadcast = run.broadcast;
    this.#timelineZeroMs = timelineZeroMs;
    this.#encryptor = encryptor;
    this.#ports = ports;
    this.#reports = new ReportQueue(run);
  }

  /** Reports that the authority has not heard yet. */
  get outstandingReports(): number {
    return this.#reports.outstanding;
  }

  /** Says on a new socket that it is here. */
  announce(): void {
    const nowMs = this.#ports.clock.nowMs();
    this.#announced = true;
    this.#ports.send({
      type: 'begin',
      program: this.program,
      broadcast: this.broadcast,
      timelineMs: Math.min(MAX_AGE_MS, Math.max(0, nowMs - this.#timelineZeroMs)),
      ...(this.#as === undefined ? {} : { as: this.#as }),
      away: this.#reports.awayBefore,
      heard: this.#reports.heardSeq,
      reports: this.#reports.all(nowMs),
    });
  }

  begun(as: string): void {
    if (as === this.#as) return;
    this.#as = as;
    const { program, broadcast } = this;
    this.#ports.log.info({ program, broadcast, as }, 'broadcast began at the authority, whose ledger and bills call it as');
  }

  heard(seq: number): void {
    this.#reports.heard(seq);
    if (this.#over && this.#reports.isEmpty) this.#ports.done();
  }

  async key(message: Key, arrivedMs: number, connection: Connection): Promise<void> {
    const { epoch, startsInMs, graceMs, lifetimeMs } = message;
    if (this.#over || epoch <= this.#newestBegun) return;
    const held = { encryptor: this.#ports.encryptor, program: this.program, epoch };
    const contentKey = await connection.decryptKey(message.jwe, held);
    // One that is repeated has other times; its receipt is given, or on its way.
    const isRepeated = epoch <= this.#newestKey;
    const jws = isRepeated ? '' : await connection.signReceipt(held, contentKey);
    // Meanwhile it may have begun.
    if (this.#over || epoch <= this.#newestBegun) {
      contentKey.fill(0);
      return;
    }
    if (!isRepeated) {
      this.#newestKey = epoch;
      this.#report({ type: 'receipt', jws }, arrivedMs);
    }
    const notBeforeMs = arrivedMs + startsInMs;
    const key = { program: this.program, epoch, contentKey };
    try {
      this.#encryptor.offer({ key, notBeforeMs, notAfterMs: notBeforeMs + graceMs, lifetimeMs });
    } catch (error) {
      contentKey.fill(0);
      this.#ports.log.warn(
        { epoch, program: this.program, reason: messageOf(error) },
        'a key could not be used: see whether the authority is of the same version',
      );
    }
  }

  /** The authority has ended it. */
  end(reason: AuthorityEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#ports.log.warn({ program: this.program, broadcast: this.broadcast, reason }, 'the authority ended a broadcast');
    this.#ports.done();
    this.#encryptor.end(reason);
  }

  began(epoch: number, atMs: number): void {
    this.#newestBegun = Math.max(this.#newestBegun, epoch);
    this.#report({ type: 'began', epoch }, atMs);
  }

  away(): void {
    this.#report({ type: 'away' }, this.#ports.clock.nowMs());
  }

  back(): void {
    this.#report({ type: 'back' }, this.#ports.clock.nowMs());
  }

  ended(reason: 'broadcast-ended' | 'program-removed' | 'shutdown'): void {
    if (this.#over) return;
    this.#report({ type: 'ended', reason: reason === 'shutdown' ? 'shutdown' : 'broadcast-ended' }, this.#ports.clock.nowMs());
    this.#over = true;
    if (!this.#announced) this.#ports.done();
  }

  #report(draft: Draft, atMs: number): void {
    if (this.#over) return;
    try {
      this.#reports.add(draft, atMs);
    } catch (error) {
      this.#ports.log.error({ program: this.program, reason: messageOf(error) }, 'a broadcast cannot be accounted for');
      // Not from within whatever is being reported.
      queueMicrotask(() => this.end('shutdown'));
      return;
    }
    if (!this.#ports.isConnected()) return;
    for (const report of this.#reports.unsent(this.#ports.clock.nowMs())) this.#ports.send(report);
  }
}
