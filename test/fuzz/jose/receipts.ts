import { createHash, createHmac, generateKeyPairSync, hkdfSync, type KeyObject } from 'node:crypto';
import type { JWK } from 'jose';
import { messageOf } from '../../../src/errors.ts';
import { PublicJwk } from '../../../src/keys/device.ts';
import { verifyOpening } from '../../../src/keys/node/encryptor-opening.ts';
import { verifyEncryptorReceipt } from '../../../src/keys/node/encryptor-receipt.ts';
import { proofKey } from '../../../src/keys/node/possession.ts';
import { importPublicKey } from '../../../src/keys/node/public-key.ts';
import { verifyReceipt } from '../../../src/keys/node/receipt.ts';
import { verifyResume } from '../../../src/keys/node/resume.ts';
import { verifyWatch } from '../../../src/keys/node/watch.ts';
import { tariff } from '../../ledger/support-entries.ts';
import type { Random } from '../../sim/random.ts';
import { mutatedJson } from '../mutation.ts';
import { Outcomes } from '../outcomes.ts';
import type { FuzzSession, FuzzTarget } from '../target.ts';
import { changedPart, decoded, es256, inputOf, mutatedCompact, signedCompact, trickedHeader } from './compact.ts';

const VIEWING = 'a6b7ae1a-0bd7-4a5c-9a60-7d1a7f8f0b6e';
const HELD = { encryptor: 'studio', program: 'news' };
const CONTENT_KEYS: ReadonlyMap<number, Uint8Array> = new Map([7, 8].map((epoch) => [epoch, new Uint8Array(32).fill(epoch)]));

interface Device {
  readonly jwk: PublicJwk;
  readonly sign: (input: string) => string;
}

function newDevice(): Device {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { jwk: jwkOf(publicKey), sign: es256(privateKey) };
}

function jwkOf(key: KeyObject): PublicJwk {
  const { kty, crv, x, y } = key.export({ format: 'jwk' }) as JWK;
  return PublicJwk.parse({ kty, crv, x, y });
}

/** docs/PROTOCOL.md, "Proof of possession", without the project's own code. */
function proofOf(holder: string, epoch: number): string {
  const key = hkdfSync('sha256', CONTENT_KEYS.get(epoch) ?? new Uint8Array(32), '', 'Tollcast 1 receipt', 32);
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(BigInt(epoch));
  return createHmac('sha256', Buffer.from(key)).update(holder).update('\0').update(number).digest('base64url');
}

/** Well-formed, and not so. */
const LIES = [
  { epoch: 7 },
  { epoch: 8 },
  { epoch: 9 },
  { viewing: 'another' },
  { encryptor: 'another' },
  { proof: 'A'.repeat(43) },
];

/** A kind of statement: a good one, how it is verified, and whether what was accepted may be. */
interface Kind {
  readonly typ: string;
  readonly jwk?: PublicJwk;
  readonly payload: object;
  verify(jws: string): unknown;
  /** Apart from the signature. */
  isRight(statement: Record<string, unknown>, accepted: unknown): boolean;
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Statements signed by devices and encryptors: what is accepted was signed by that key, is of that kind, and has the right proof. */
class ReceiptSession implements FuzzSession {
  readonly outcomes = new Outcomes();
  readonly #kinds: readonly Kind[];
  readonly #device: Device;
  readonly #stranger = newDevice();
  readonly #good: ReadonlyMap<string, Kind>;
  readonly #texts: readonly string[];

  private constructor(device: Device, kinds: readonly Kind[]) {
    this.#device = device;
    this.#kinds = kinds;
    this.#good = new Map(kinds.map((kind) => [this.#signed(kind, kind.payload), kind]));
    this.#texts = [...this.#good.keys()];
  }

  static async open(): Promise<ReceiptSession> {
    const device = newDevice();
    const proofKeys = new Map([...CONTENT_KEYS].map(([epoch, key]) => [epoch, proofKey(key)]));
    return new ReceiptSession(device, kindsOf(device, importPublicKey(device.jwk), proofKeys));
  }

  async input(random: Random): Promise<void> {
    const kind = random.pick(this.#kinds);
    const jws = this.#made(random, kind);
    let accepted: unknown;
    try {
      accepted = kind.verify(jws);
    } catch (error) {
      this.#refused(error, jws, kind);
      return;
    }
    const [header, payload] = jws.split('.').map(decoded);
    const { jwk = this.#device.jwk, typ, alg } = JSON.parse(header ?? '');
    const isSigned = this.#signedNow === inputOf(jws) || this.#texts.some((text) => inputOf(text) === inputOf(jws));
    if (!isSigned || typ !== kind.typ || alg !== 'ES256') throw new Error(`accepted as a ${kind.typ}: ${jws}`);
    if (kind.jwk === undefined && !isSame(jwk, this.#device.jwk) && this.#signedBy !== this.#device)
      throw new Error(`another key's: ${jws}`);
    if (!kind.isRight(JSON.parse(payload ?? ''), accepted)) throw new Error(`accepted, but wrong: ${payload}`);
    this.outcomes.count(`${kind.typ} accepted`);
  }

  async close(): Promise<void> {}

  #signedNow = '';
  #signedBy: Device | undefined;

  #signed(kind: Kind, payload: unknown, by = this.#device, change: (header: object) => object = (header) => header): string {
    const jwk = kind.jwk === undefined ? {} : { jwk: by.jwk };
    const jws = signedCompact(change({ alg: 'ES256', typ: kind.typ, ...jwk }), payload, by.sign);
    this.#signedNow = inputOf(jws);
    this.#signedBy = by;
    return jws;
  }

  #made(random: Random, kind: Kind): string {
    this.#signedBy = undefined;
    this.#signedNow = '';
    const text = this.#texts[this.#kinds.indexOf(kind)] ?? '';
    const way = random.next();
    if (way < 0.03) return random.pick(this.#texts);
    // A viewer that signs what is not so, as it may with its own key.
    if (way < 0.3) return this.#signed(kind, mutatedJson(random, kind.payload));
    if (way < 0.32) return this.#signed(kind, { ...kind.payload, ...random.pick(LIES) });
    if (way < 0.35) return this.#signed(kind, changedPart(random, text.split('.')[1] ?? ''));
    if (way < 0.45) return this.#signed(kind, kind.payload, this.#device, (header) => trickedHeader(random, header));
    if (way < 0.5) return this.#signed(kind, kind.payload, this.#stranger);
    return mutatedCompact(random, text, this.#texts);
  }

  #refused(error: unknown, jws: string, kind: Kind): void {
    if (!(error instanceof Error) || error instanceof RangeError) throw new Error('refused by another error', { cause: error });
    if (this.#good.get(jws) === kind) throw new Error('a good statement was refused', { cause: error });
    const message = messageOf(error);
    const why = /payload|header is wrong|proof|another|awaits|sent to|signature|expected a/.exec(message)?.[0] ?? 'malformed';
    this.outcomes.count(why);
  }
}

function kindsOf(device: Device, signKey: KeyObject, known: ReadonlyMap<number, KeyObject>): readonly Kind[] {
  const awaited = (epoch: number) => known.get(epoch);
  const holder = `encryptor/${HELD.encryptor}/${HELD.program}`;
  const tokenHash = createHash('sha256').update('token').digest('base64url');
  const agree = newDevice().jwk;
  return [
    {
      typ: 'tollcast-receipt+jws',
      payload: { viewing: VIEWING, epoch: 7, chunks: 12, proof: proofOf(VIEWING, 7) },
      verify: (jws) => verifyReceipt(jws, VIEWING, signKey, awaited),
      isRight: (said, accepted) =>
        isSameInAnyOrder(said, accepted) &&
        said.viewing === VIEWING &&
        known.has(said.epoch as number) &&
        said.proof === proofOf(VIEWING, said.epoch as number),
    },
    {
      typ: 'tollcast-encryptor-receipt+jws',
      payload: { ...HELD, epoch: 8, proof: proofOf(holder, 8) },
      verify: (jws) => verifyEncryptorReceipt(jws, HELD, signKey, awaited),
      isRight: (said, accepted) =>
        said.epoch === accepted &&
        said.encryptor === HELD.encryptor &&
        said.program === HELD.program &&
        said.proof === proofOf(holder, said.epoch as number),
    },
    {
      typ: 'tollcast-watch+jws',
      jwk: device.jwk,
      payload: { program: 'news', tariff, tokenHash, challenge: 'c', agree },
      verify: (jws) => verifyWatch(jws).statement,
      isRight: isSameInAnyOrder,
    },
    {
      typ: 'tollcast-resume+jws',
      payload: { viewing: VIEWING, challenge: 'c', agree },
      verify: (jws) => verifyResume(jws, signKey).statement,
      isRight: isSameInAnyOrder,
    },
    {
      typ: 'tollcast-encryptor+jws',
      jwk: device.jwk,
      payload: { encryptor: 'studio', challenge: 'c', agree },
      verify: (jws) => verifyOpening(jws).statement,
      isRight: isSameInAnyOrder,
    },
  ];
}

const isSameInAnyOrder = (said: object, accepted: unknown): boolean =>
  isSame(Object.entries(said).sort(), Object.entries(accepted as object).sort());

export const receipts: FuzzTarget = {
  name: 'receipts',
  description: "devices' and encryptors' signed statements: receipts, watch, resume, opening",
  open: () => ReceiptSession.open(),
};
