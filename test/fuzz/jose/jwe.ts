import { createCipheriv, KeyObject, randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { TollcastError } from '../../../src/errors.ts';
import { type DeviceKeys, generateDeviceKeys } from '../../../src/keys/device.ts';
import { decryptEncryptorKey, decryptEncryptorSession } from '../../../src/keys/encryptor-key.ts';
import { decryptSessionKey } from '../../../src/keys/key-update.ts';
import { encryptEncryptorKey, encryptEncryptorSession } from '../../../src/keys/node/encryptor-key.ts';
import { encryptContentKey, encryptSessionKey } from '../../../src/keys/node/key-update.ts';
import { answerKey } from '../../../src/viewer/answer-key.ts';
import { tariff } from '../../ledger/support-entries.ts';
import type { Random } from '../../sim/random.ts';
import { Outcomes } from '../outcomes.ts';
import type { FuzzSession, FuzzTarget } from '../target.ts';
import { changedPart, decoded, encoded, mutatedCompact, trickedHeader } from './compact.ts';

const VIEWING = 'a6b7ae1a-0bd7-4a5c-9a60-7d1a7f8f0b6e';
const ADMISSION = { viewing: VIEWING, program: 'news', title: 'News', broadcast: 'b1', tariff };
const HELD = { encryptor: 'studio', program: 'news', epoch: 7 };

interface Made {
  readonly text: string;
  /** What its maker put in it; left out where it is the one that was sent, or made of that without its key. */
  readonly plaintext?: Uint8Array;
  readonly isGood?: boolean;
}

/** Members that say what a key is for and how it is sealed. */
const PINNED = ['alg', 'enc', 'typ', 'viewing', 'encryptor', 'program', 'epoch'];

/** Inflates to a thousand times its size. */
const BOMB = deflateRawSync(Buffer.alloc(10_000_000));

/** Keys on their way, changed on it or made by a server that means ill: what is opened is the key that was sent, for what it was sent for. */
class JweSession implements FuzzSession {
  readonly outcomes = new Outcomes();
  readonly #device: DeviceKeys;
  readonly #sessionKey = new Uint8Array(32).fill(3);
  readonly #contentKey = new Uint8Array(32).fill(5);
  #texts: readonly string[] = [];

  private constructor(device: DeviceKeys) {
    this.#device = device;
  }

  static async open(): Promise<JweSession> {
    const session = new JweSession(await generateDeviceKeys());
    session.#make();
    return session;
  }

  async input(random: Random): Promise<void> {
    const at = random.between(0, this.#texts.length - 1);
    const made = this.#made(random, at);
    let opened: Uint8Array;
    try {
      opened = await this.#opened(at, made.text);
    } catch (error) {
      if (at === 1 && !(error instanceof TollcastError)) throw new Error('a key update led to another error', { cause: error });
      if (!(error instanceof Error) || error instanceof RangeError) throw new Error('refused by another error', { cause: error });
      if (made.isGood) throw new Error('a good key was refused', { cause: error });
      this.outcomes.count(error instanceof TollcastError ? error.code : error.constructor.name);
      return;
    }
    const [header, sent] = [made.text, this.#texts[at] ?? ''].map((text) => JSON.parse(decoded(text.split('.')[0] ?? '')));
    const isRight = PINNED.every((name) => header[name] === sent[name]) && !('zip' in header);
    if (!isRight || !Buffer.from(made.plaintext ?? this.#keyOf(at)).equals(opened)) throw new Error(`opened: ${made.text}`);
    this.outcomes.count(made.plaintext === undefined ? 'opened' : "opened, the server's own");
  }

  async close(): Promise<void> {}

  #make(): void {
    const publicKey = KeyObject.from(this.#device.agree.publicKey);
    this.#texts = [
      encryptSessionKey(this.#sessionKey, VIEWING, publicKey),
      encryptContentKey(this.#contentKey, { viewing: VIEWING, epoch: 7 }, this.#sessionKey),
      encryptEncryptorSession(this.#sessionKey, HELD.encryptor, publicKey),
      encryptEncryptorKey(this.#contentKey, HELD, this.#sessionKey),
    ];
  }

  #keyOf(at: number): Uint8Array {
    return at % 2 === 0 ? this.#sessionKey : this.#contentKey;
  }

  /** As who it is for opens it. */
  async #opened(at: number, jwe: string): Promise<Uint8Array> {
    const { privateKey } = this.#device.agree;
    const sessionKey = this.#sessionKey;
    if (at === 0) return decryptSessionKey(jwe, VIEWING, privateKey);
    if (at === 2) return decryptEncryptorSession(jwe, HELD.encryptor, privateKey);
    if (at === 3) return decryptEncryptorKey(jwe, HELD, sessionKey);
    const { contentKey } = await answerKey({ epoch: 7, jwe }, { ...ADMISSION, sessionKey }, this.#device, 0);
    return contentKey;
  }

  #made(random: Random, at: number): Made {
    const text = this.#texts[at] ?? '';
    const way = random.next();
    if (way < 0.02) return { text, isGood: true };
    if (way < 0.4 && at % 2 === 1) return this.#underSessionKey(random, text);
    return { text: mutatedCompact(random, text, this.#texts) };
  }

  /** By one who has the session key, as the server has: everything is authentic, and something is wrong. */
  #underSessionKey(random: Random, text: string): Made {
    const header: Record<string, unknown> = JSON.parse(decoded(text.split('.')[0] ?? ''));
    const made = (by: unknown, plaintext: Uint8Array = this.#contentKey): Made => ({
      text: sealed(by, plaintext, this.#sessionKey),
      plaintext,
    });
    switch (random.between(0, 4)) {
      case 0:
        return made(header, randomBytes(random.pick([0, 31, 32, 33, 4_096])));
      case 1:
        return made(trickedHeader(random, header));
      case 2:
        return made({ ...header, zip: 'DEF' }, random.chance(0.02) ? BOMB : deflateRawSync(this.#contentKey));
      default:
        return made(changedPart(random, text.split('.')[0] ?? ''));
    }
  }
}

/** RFC 7516, section 3.1: `dir` and A256GCM. */
function sealed(header: unknown, plaintext: Uint8Array, key: Uint8Array): string {
  const protectedHeader = encoded(header);
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(protectedHeader));
  const data = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  const parts = [iv, data, cipher.getAuthTag()].map((part) => part.toString('base64url'));
  return [protectedHeader, '', ...parts].join('.');
}

export const jwe: FuzzTarget = {
  name: 'jwe',
  description: 'keys on their way to viewers and encryptors',
  open: () => JweSession.open(),
};
