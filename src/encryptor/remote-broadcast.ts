import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { DeviceKeys } from '../keys/device.ts';
import { signEncryptorReceipt } from '../keys/encryptor-receipt.ts';
import { proofKey } from '../keys/possession.ts';
import type { AuthorityMessage, EncryptorMessage } from '../protocol/encryptor-messages.ts';
import type { AuthorityConnection } from './authority-connection.ts';
import type { AuthorityEnd, BroadcastReports, Encryptor } from './key-source.ts';
import { type Draft, ReportQueue } from './report-queue.ts';

type Key = Extract<AuthorityMessage, { type: 'key' }>;

export interface RemoteBroadcastPorts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Of the credential. */
  readonly encryptor: string;
  readonly device: DeviceKeys;
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

  /** Says on a new socket that it is here. */
  announce(): void {
    const nowMs = this.#ports.clock.nowMs();
    this.#announced = true;
    this.#ports.send({
      type: 'begin',
      program: this.program,
      broadcast: this.broadcast,
      timelineMs: Math.max(0, nowMs - this.#timelineZeroMs),
      ...(this.#as === undefined ? {} : { as: this.#as }),
      away: this.#reports.awayBefore,
      heard: this.#reports.heardSeq,
      reports: this.#reports.all(nowMs),
    });
  }

  begun(as: string): void {
    this.#as = as;
  }

  heard(seq: number): void {
    this.#reports.heard(seq);
    if (this.#over && this.#reports.isEmpty) this.#ports.done();
  }

  async key(message: Key, arrivedMs: number, connection: AuthorityConnection): Promise<void> {
    const { epoch, startsInMs, graceMs, lifetimeMs } = message;
    // One that is repeated: its receipt is on its way.
    if (this.#over || epoch <= this.#newestKey) return;
    const { encryptor, device } = this.#ports;
    const held = { encryptor, program: this.program, epoch };
    const contentKey = await connection.decryptKey(message.jwe, held);
    const jws = await signEncryptorReceipt(held, await proofKey(contentKey), device.sign.privateKey);
    if (this.#over) {
      contentKey.fill(0);
      return;
    }
    this.#newestKey = epoch;
    this.#report({ type: 'receipt', jws }, arrivedMs);
    const notBeforeMs = arrivedMs + startsInMs;
    const key = { program: this.program, epoch, contentKey };
    try {
      this.#encryptor.offer({ key, notBeforeMs, notAfterMs: notBeforeMs + graceMs, lifetimeMs });
    } catch (error) {
      contentKey.fill(0);
      this.#ports.log.warn({ epoch, program: this.program, reason: messageOf(error) }, 'a key could not be used');
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
