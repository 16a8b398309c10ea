import * as z from 'zod';
import { TollcastError } from '../errors.ts';

/**
 * The messages between an encryptor and an authority elsewhere, each one JSON object in a WebSocket text message. One schema is
 * the type, the check and the error text for both sides.
 *
 * Times cross as ages (`agoMs`) and as delays (`…InMs`), by the sender's monotonic clock at the moment of sending: clocks that
 * differ between the hosts change nothing.
 */
export const ENCRYPTOR_SUBPROTOCOL = 'tollcast.encryptor.v1';
export const ENCRYPTOR_PATH = '/v1/encryptor';
/** A `begin` with all the reports that may be outstanding. */
export const MAX_ENCRYPTOR_MESSAGE_BYTES = 65_536;
/** Reports of one broadcast that may be outstanding; beyond what the keys that are on offer can ever cause. */
export const MAX_REPORTS = 64;
/** Programs of one credential. */
export const MAX_PROGRAMS = 64;

/** Of ages, delays and timelines. */
export const MAX_AGE_MS = 10 * 365 * 86_400_000;

const jose = z.string().max(4_096);
const name = z.string().max(64);
const epoch = z.int().min(1);
const ageMs = z.int().min(0).max(MAX_AGE_MS);
/** `broadcast`: as the encryptor calls it. */
const run = { program: name, broadcast: z.string().min(1).max(64) };
/** Reports of a broadcast are counted from 1; the authority takes each once, in order. */
const report = { ...run, seq: z.int().min(1), agoMs: ageMs };

/** What an encryptor reports of a broadcast; repeated on the next socket until it is `heard`. */
export const Report = z.discriminatedUnion('type', [
  /** Confirms an epoch's key. `jws`: keys/encryptor-receipt.ts. */
  z.strictObject({ type: z.literal('receipt'), ...report, jws: jose }),
  /** The first chunk of an epoch was sealed then. */
  z.strictObject({ type: z.literal('began'), ...report, epoch }),
  /** The broadcaster went away, or came back, within its grace time. */
  z.strictObject({ type: z.literal('away'), ...report }),
  z.strictObject({ type: z.literal('back'), ...report }),
  /** The broadcast is over; or the encryptor is being stopped, and another one may go on with it. */
  z.strictObject({ type: z.literal('ended'), ...report, reason: z.enum(['broadcast-ended', 'shutdown']) }),
]);

export type Report = z.infer<typeof Report>;

/** From an encryptor. */
export const EncryptorMessage = z.discriminatedUnion('type', [
  /** Proves the credential (keys/secret-proof.ts) and names this process's keys. `jws`: keys/encryptor-opening.ts. */
  z.strictObject({ type: z.literal('open'), encryptor: name, proof: z.string().regex(/^[\w-]{43}$/), jws: jose }),
  /** Asks whether a stream key opens a program. Its SHA-256, hex, is all that crosses. */
  z.strictObject({
    type: z.literal('verify'),
    id: z.int().min(1),
    program: name,
    streamKeyHash: z.string().regex(/^[0-9a-f]{64}$/),
  }),
  /** A broadcast begins here, or goes on on a new socket. */
  z.strictObject({
    type: z.literal('begin'),
    ...run,
    /** How far its timeline has come: what another encryptor would have to begin its own after. */
    timelineMs: ageMs,
    /** What the authority called it in `begun`, if it has: it goes on then, and takes over from nobody. */
    as: z.exactOptional(z.string().max(64)),
    /** Whether its broadcaster was away before the `reports`. */
    away: z.boolean(),
    /** How many reports the authority is known to have taken; what is outstanding after them. */
    heard: z.int().min(0),
    reports: z.array(Report).max(MAX_REPORTS),
  }),
  ...Report.options,
]);

export type EncryptorMessage = z.infer<typeof EncryptorMessage>;

export const ENCRYPTOR_ERROR_CODES = [
  'bad-message',
  'bad-state',
  'credential-invalid',
  'credential-revoked',
  'opening-invalid',
  'receipt-invalid',
  'try-later',
] as const;

export type EncryptorErrorCode = (typeof ENCRYPTOR_ERROR_CODES)[number];

/** Why the authority ends a broadcast at an encryptor. `fenced`: another encryptor process has its program now. */
export const AUTHORITY_ENDS = ['program-removed', 'program-not-allowed', 'fenced'] as const;

/** From the authority. An encryptor ignores fields and types that it does not know. */
export const AuthorityMessage = z.discriminatedUnion('type', [
  /** First on every socket. */
  z.object({ type: z.literal('hello'), challenge: z.string().max(64) }),
  /** The credential is good, for these programs. `sessionKey`: a JWE, keys/encryptor-key.ts; `proof`: the authority's, over it. */
  z.object({ type: z.literal('opened'), sessionKey: jose, proof: z.string().max(64), programs: z.array(name).max(MAX_PROGRAMS) }),
  /** Answers the `verify` of that id. `timelineMs`: where the timeline of a broadcast that began now would start. */
  z.object({
    type: z.literal('verified'),
    id: z.int().min(1),
    refusal: z.object({ code: z.string(), message: z.string() }).optional(),
    timelineMs: ageMs,
  }),
  /** The authority has this broadcast now; `as`: what the ledger calls it, another encryptor having begun it perhaps. */
  z.object({ type: z.literal('begun'), ...run, as: z.string().max(64) }),
  /** That many reports were taken. */
  z.object({ type: z.literal('heard'), ...run, seq: z.int().min(0) }),
  /** An epoch's key, to begin with at the first keyframe from `startsInMs` on, and `graceMs` later without one. */
  z.object({
    type: z.literal('key'),
    ...run,
    epoch,
    jwe: jose,
    startsInMs: ageMs,
    graceMs: ageMs,
    lifetimeMs: ageMs,
  }),
  /** The broadcast is over for this encryptor: it must not send for it any more. */
  z.object({ type: z.literal('end'), ...run, reason: z.enum(AUTHORITY_ENDS) }),
  /** What was refused and why; `message` is for people. The authority closes the socket after it. */
  z.object({ type: z.literal('error'), code: z.enum(ENCRYPTOR_ERROR_CODES), message: z.string() }),
]);

export type AuthorityMessage = z.infer<typeof AuthorityMessage>;

const CLOSE: Record<EncryptorErrorCode, number> = {
  'bad-message': 4400,
  'bad-state': 4400,
  'credential-invalid': 4401,
  'credential-revoked': 4403,
  'opening-invalid': 4401,
  'receipt-invalid': 4400,
  'try-later': 4429,
};

/** The close code that goes with an error. */
export const encryptorCloseCode = (code: EncryptorErrorCode): number => CLOSE[code];

/** What an encryptor asked for was refused; the code and the words go to the encryptor, which loses its socket. */
export class EncryptorRefusal extends TollcastError {
  override readonly code: EncryptorErrorCode;

  constructor(code: EncryptorErrorCode, message: string) {
    super(code, message);
    this.name = 'EncryptorRefusal';
    this.code = code;
  }
}
