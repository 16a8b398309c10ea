import type { PermissionViolationError } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import type { Timers } from '../clock.ts';

/** What was denied is tried again, for when the server's permissions are put right. */
const RETRY_MS = 5_000;
/** Subjects that are remembered as denied. */
const MAX_DENIED = 1_000;
/** Those that are anybody's inbox are written alike. */
const INBOX = /^(_INBOX\w*)\..*/;

export type Operation = PermissionViolationError['operation'];

export interface DenialPorts {
  readonly timers: Timers;
  readonly log: Logger;
  /** Publishes nothing there, which is denied or not. */
  publish(subject: string): void;
  /** Resolves once the server has judged all that was sent before, and what it denied was passed on; rejects if the connection is lost. */
  judged(): Promise<void>;
}

interface Denial {
  readonly what: string;
  readonly operation: Operation;
  /** What tries it again: several may subscribe to one subject. */
  readonly tries: Set<() => void>;
  /** In the try that is under way. */
  isDenied: boolean;
}

/**
 * What the server's permissions do not allow this role, until they do: each is logged once when it is denied and once when it is
 * allowed again, however often it is tried meanwhile.
 */
export class Denials {
  readonly #ports: DenialPorts;
  readonly #denied = new Map<string, Denial>();
  #cancelRetry: (() => void) | undefined;
  #closed = false;

  constructor(ports: DenialPorts) {
    this.#ports = ports;
  }

  /** The first of them, such as `publish to tollcast.gates.e1`; undefined if there is none. */
  get first(): string | undefined {
    const [denial] = this.#denied.values();
    return denial?.what;
  }

  /** @param tryAgain for a subscription: begins it anew */
  add(operation: Operation, subject: string, tryAgain?: () => void): void {
    const what = describe(operation, subject);
    const known = this.#denied.get(what);
    if (known !== undefined) {
      known.isDenied = true;
      if (tryAgain !== undefined) known.tries.add(tryAgain);
      return;
    }
    // An answer that came too late is no lasting matter, and only who subscribed can do so again.
    const again = operation === 'publish' && !INBOX.test(subject) ? () => this.#ports.publish(subject) : tryAgain;
    if (again === undefined || this.#closed || this.#denied.size >= MAX_DENIED) return;
    this.#denied.set(what, { what, operation, tries: new Set([again]), isDenied: true });
    this.#ports.log.error(`NATS does not let this role ${what}: see tollcast credentials nats`);
    this.#retryLater();
  }

  /** A subscription is no longer wanted. */
  remove(subject: string, tryAgain: () => void): void {
    const what = describe('subscription', subject);
    const denial = this.#denied.get(what);
    if (denial?.tries.delete(tryAgain) && denial.tries.size === 0) this.#denied.delete(what);
  }

  close(): void {
    this.#closed = true;
    this.#cancelRetry?.();
  }

  #retryLater(): void {
    if (this.#closed || this.#cancelRetry !== undefined) return;
    this.#cancelRetry = this.#ports.timers.after(RETRY_MS, async () => {
      await this.#retry();
      this.#cancelRetry = undefined;
      if (this.#denied.size > 0) this.#retryLater();
    });
  }

  async #retry(): Promise<void> {
    const tried = [...this.#denied.values()];
    for (const denial of tried) {
      denial.isDenied = false;
      const tries = [...denial.tries];
      // A subscription that is denied again says so by itself; one that is not must not be made twice.
      if (denial.operation === 'subscription') denial.tries.clear();
      for (const tryAgain of tries) tryAgain();
    }
    try {
      await this.#ports.judged();
    } catch {
      for (const denial of tried) denial.isDenied = true;
    }
    for (const { what, isDenied } of tried) {
      if (isDenied || !this.#denied.delete(what)) continue;
      this.#ports.log.info(`NATS lets this role ${what} again`);
    }
  }
}

/** Such as `publish to tollcast.gates.e1`. */
export const describe = (operation: Operation, subject: string): string =>
  `${operation === 'publish' ? 'publish' : 'subscribe'} to ${subject.replace(INBOX, '$1.>')}`;
