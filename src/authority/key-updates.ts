import type { KeyObject } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { SESSION_KEY_BYTES } from '../keys/key-update.ts';
import type { ServerMessage } from '../protocol/messages.ts';
import type { KeyExchange } from './key-exchange.ts';

export interface KeyUpdatePorts {
  readonly exchange: KeyExchange;
  readonly clock: Clock;
  readonly ring: KeyRing;
  readonly rules: { readonly minAnswerMs: number };
  /** When an epoch that has not begun is planned to. */
  startsMs(epoch: number): number;
}

/** Encrypts content keys to one viewing, under a session key that is agreed anew with each of its control sockets. */
export class KeyUpdates {
  readonly #viewing: string;
  readonly #ports: KeyUpdatePorts;
  #sessionKey: Uint8Array | undefined;

  constructor(viewing: string, ports: KeyUpdatePorts) {
    this.#viewing = viewing;
    this.#ports = ports;
  }

  /** From here on keys are under a new session key. @returns what makes its JWE for the viewer's device */
  newSession(agree: KeyObject): () => string {
    const sessionKey = crypto.getRandomValues(new Uint8Array(SESSION_KEY_BYTES));
    this.#sessionKey = sessionKey;
    return () => this.#ports.exchange.encryptSessionKey(sessionKey, this.#viewing, agree);
  }

  /**
   * What makes the message that carries an epoch's key; undefined where there is no such key, or no session.
   * @param sentMs when it was sent first: one that is repeated leaves no more time to answer
   */
  update(epoch: number, sentMs: number): (() => Promise<ServerMessage | undefined>) | undefined {
    const { clock, exchange, ring, rules, startsMs } = this.#ports;
    const [contentKey, sessionKey] = [ring.contentKey(epoch), this.#sessionKey];
    if (contentKey === undefined || sessionKey === undefined) return undefined;
    const nowMs = clock.nowMs();
    const startsInMs = Math.max(0, startsMs(epoch) - nowMs);
    const answerWithinMs = Math.max(0, sentMs + rules.minAnswerMs - nowMs);
    return async () => {
      // Forgotten meanwhile: it has been overwritten with zeros.
      if (ring.contentKey(epoch) === undefined) return undefined;
      const jwe = exchange.encryptContentKey(contentKey, { viewing: this.#viewing, epoch }, sessionKey);
      return { type: 'key', epoch, jwe, startsInMs, answerWithinMs };
    };
  }

  forget(): void {
    this.#sessionKey?.fill(0);
  }
}
