import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf, systemCode, TollcastError } from '../errors.ts';
import { fileStamp } from '../file-stamp.ts';
import { type TokenSecret, tokenSecret } from '../tokens/token-secret.ts';

const SECRET_BYTES = 32;
/** Verifying a token without a `kid` tries every secret. */
const MAX_RETIRED = 16;
/** A draft that is older was left by a process that died. */
const DRAFT_LIFE_MS = 60_000;

const CURRENT = 'token.secret';
const RETIRED = /^token\.retired\.[\w-]{16}$/;
const DRAFT = /^token\.draft\.\d+\.[0-9a-f]+$/;

const RetiredFile = z.object({ secret: z.string(), until: z.iso.datetime() });

/** One that signs no longer; its tokens are good until `untilMs`, wall-clock milliseconds since 1970. */
export interface RetiredSecret extends TokenSecret {
  readonly untilMs: number;
}

/**
 * The secrets that sign tokens, as a data folder has them: `token.secret`, which signs, as base64url; and for each one before it that is
 * still valid `token.retired.KID`, JSON with the secret and its end. What another process writes there is noticed at the next use.
 * Each file appears whole or not at all, for its owner only.
 */
export class TokenSecrets {
  readonly #folder: string;
  #current: TokenSecret;
  #retired: readonly RetiredSecret[];
  #stamp: string;
  #fault: string | undefined;

  /**
   * Makes the first secret where there is none, and removes those that are over.
   * @throws TollcastError `secret-invalid`, and the system's errors
   */
  constructor(folder: string) {
    this.#folder = folder;
    const file = join(folder, CURRENT);
    if (!existsSync(file)) this.#write(CURRENT, encoded(randomBytes(SECRET_BYTES)), linkIfNone);
    this.#stamp = this.#stampNow();
    this.#current = this.#readCurrent();
    this.#retired = this.#readRetired();
    this.prune();
  }

  /** Signs. */
  get current(): TokenSecret {
    this.#refresh();
    return this.#current;
  }

  /** What tokens may be signed with, the current one first. */
  valid(nowMs = Date.now()): readonly TokenSecret[] {
    this.#refresh();
    return [this.#current, ...this.#retired.filter(({ untilMs }) => untilMs > nowMs)];
  }

  get retired(): readonly RetiredSecret[] {
    this.#refresh();
    return this.#retired;
  }

  /** Why the files cannot be read now; undefined if they can. What was read before counts meanwhile. */
  get fault(): string | undefined {
    this.#refresh();
    return this.#fault;
  }

  /**
   * Makes another secret to sign with. @param keepSeconds how long tokens of the one before stay valid; 0 voids those of all before
   * @throws TollcastError `too-many-secrets`, `secret-invalid`, and the system's errors
   */
  rotate(keepSeconds: number, nowMs = Date.now()): TokenSecret {
    this.prune(nowMs);
    const { kid, secret } = this.current;
    if (keepSeconds === 0) {
      for (const retired of this.#retired) this.#remove(fileOf(retired));
    } else {
      if (this.#retired.length >= MAX_RETIRED) {
        const message = `${MAX_RETIRED} secrets are valid beside the current one: wait until one is over, or void them all with --now`;
        throw new TollcastError('too-many-secrets', message);
      }
      const retired = { secret: encoded(secret).trim(), until: new Date(nowMs + keepSeconds * 1_000).toISOString() };
      this.#write(fileOf({ kid }), `${JSON.stringify(retired)}\n`, renameSync);
    }
    this.#write(CURRENT, encoded(randomBytes(SECRET_BYTES)), renameSync);
    this.#sync();
    return this.current;
  }

  /** Forgets and removes secrets that are over, and drafts that were left behind. @returns how many secrets */
  prune(nowMs = Date.now()): number {
    this.#refresh();
    const over = this.#retired.filter(({ untilMs }) => untilMs <= nowMs);
    for (const retired of over) this.#remove(fileOf(retired));
    if (over.length > 0) this.#retired = this.#retired.filter((retired) => !over.includes(retired));
    for (const name of readdirSync(this.#folder)) {
      const leftMs = DRAFT.test(name) ? statSync(join(this.#folder, name), { throwIfNoEntry: false })?.mtimeMs : undefined;
      if (leftMs !== undefined && nowMs - leftMs > DRAFT_LIFE_MS) this.#remove(name);
    }
    return over.length;
  }

  /** A file that is made, replaced or removed changes the folder; a rotation always replaces the current secret's. */
  #stampNow(): string {
    return `${fileStamp(join(this.#folder, CURRENT))} ${fileStamp(this.#folder)}`;
  }

  #refresh(): void {
    try {
      const stamp = this.#stampNow();
      if (stamp === this.#stamp) return;
      this.#stamp = stamp;
      const [current, retired] = [this.#readCurrent(), this.#readRetired()];
      this.#current = current;
      this.#retired = retired;
      this.#fault = undefined;
    } catch (error) {
      this.#fault = messageOf(error);
    }
  }

  #readCurrent(): TokenSecret {
    const file = join(this.#folder, CURRENT);
    return decoded(readFileSync(file, 'utf8').trim(), file, 'restore it, or remove it to void every token');
  }

  #readRetired(): RetiredSecret[] {
    const names = readdirSync(this.#folder).filter((name) => RETIRED.test(name));
    return names.flatMap((name) => this.#readOneRetired(name) ?? []);
  }

  #readOneRetired(name: string): RetiredSecret | undefined {
    const file = join(this.#folder, name);
    const remedy = 'restore it, or remove it to void the tokens of that secret';
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      // Removed by another process meanwhile.
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
    try {
      const { secret, until } = RetiredFile.parse(JSON.parse(text));
      return { ...decoded(secret, file, remedy), untilMs: Date.parse(until) };
    } catch (error) {
      if (error instanceof TollcastError) throw error;
      // What the file holds does not belong into a message.
      throw new TollcastError('secret-invalid', `${file} does not hold an old secret and its end: ${remedy}`);
    }
  }

  /**
   * Written under a name of its own, synced, then put into place: it is there whole or not at all, whenever the process dies.
   */
  #write(name: string, text: string, place: (draft: string, file: string) => void): void {
    const draft = join(this.#folder, `token.draft.${process.pid}.${randomBytes(6).toString('hex')}`);
    try {
      writeFileSync(draft, text, { flag: 'wx', mode: 0o600, flush: true });
      place(draft, join(this.#folder, name));
    } finally {
      rmSync(draft, { force: true });
    }
  }

  #remove(name: string): void {
    rmSync(join(this.#folder, name), { force: true });
  }

  /** Makes the names durable: a secret that was voided must not come back with a power cut. */
  #sync(): void {
    const folder = openSync(this.#folder, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }
}

/** Of two processes that start at once, the later one finds the other's file and leaves it. */
function linkIfNone(draft: string, file: string): void {
  try {
    linkSync(draft, file);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  }
}

const fileOf = ({ kid }: Pick<TokenSecret, 'kid'>): string => `token.retired.${kid}`;

const encoded = (secret: Uint8Array): string => `${Buffer.from(secret).toString('base64url')}\n`;

function decoded(text: string, file: string, remedy: string): TokenSecret {
  const secret = Buffer.from(text, 'base64url');
  if (secret.length === SECRET_BYTES) return tokenSecret(new Uint8Array(secret));
  throw new TollcastError('secret-invalid', `${file} does not hold a secret of ${SECRET_BYTES} bytes: ${remedy}`);
}
