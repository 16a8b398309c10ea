import * as z from 'zod';
import { Tariff } from '../billing/tariff.ts';
import { END_REASONS } from '../viewing/end-reason.ts';

/**
 * The control protocol's messages, each one JSON object in a WebSocket text message (docs/PROTOCOL.md). One schema is the type,
 * the check and the error text for both sides.
 */
export const CONTROL_SUBPROTOCOL = 'tollcast.control.v1';
export const MEDIA_SUBPROTOCOL = 'tollcast.media.v1';
export const MAX_CONTROL_MESSAGE_BYTES = 16_384;

const jose = z.string().max(8_192);
const epoch = z.int().min(1);

/** From a viewer. */
export const ViewerMessage = z.discriminatedUnion('type', [
  /** Asks to watch. `jws`: keys/watch.ts. */
  z.strictObject({ type: z.literal('watch'), token: z.string().max(8_192), jws: jose }),
  /** Confirms an epoch's key. `jws`: keys/receipt.ts. */
  z.strictObject({ type: z.literal('receipt'), jws: jose }),
  /** Asks for another media ticket; the media socket before it is closed. */
  z.strictObject({ type: z.literal('ticket') }),
  /** Takes up a viewing whose control socket was lost. `jws`: keys/resume.ts. */
  z.strictObject({ type: z.literal('resume'), viewing: z.string().max(64), jws: jose }),
  /** Ends the viewing at once. */
  z.strictObject({ type: z.literal('stop') }),
]);

export type ViewerMessage = z.infer<typeof ViewerMessage>;

/** What a viewing costs so far: `amount` is a decimal in the currency's major unit. */
export const Usage = z.object({
  billableMs: z.int().min(0),
  billableSeconds: z.int().min(0),
  amount: z.string(),
  currency: z.string(),
});

export type Usage = z.infer<typeof Usage>;

export const ERROR_CODES = [
  'bad-message',
  'bad-state',
  'token-invalid',
  'token-expired',
  'token-wrong-program',
  'device-not-allowed',
  'watch-invalid',
  'tariff-changed',
  'program-unknown',
  'not-live',
  'credit-exhausted',
  'viewing-limit',
  'too-many-viewings',
  'try-later',
  'resume-invalid',
  'receipt-invalid',
  'unavailable',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** From the server. A viewer ignores fields and types that it does not know. */
export const ServerMessage = z.discriminatedUnion('type', [
  /** First on every control socket. */
  z.object({ type: z.literal('hello'), challenge: z.string() }),
  /** A `watch` or `resume` has to wait for its turn: `ahead` are before it, which takes `expectedMs` by present experience. */
  z.object({ type: z.literal('waiting'), ahead: z.int().min(0), expectedMs: z.int().min(0) }),
  /** The answer to `watch` and `resume`. `sessionKey`: a JWE, see keys/key-update.ts. */
  z.object({
    type: z.literal('viewing'),
    viewing: z.string(),
    program: z.string(),
    title: z.string(),
    broadcast: z.string(),
    tariff: Tariff,
    sessionKey: jose,
    resumed: z.boolean(),
  }),
  /** A key update. `startsInMs` is 0 for an epoch that has begun; `answerWithinMs` is the least time to the receipt's deadline. */
  z.object({ type: z.literal('key'), epoch, jwe: jose, startsInMs: z.int().min(0), answerWithinMs: z.int().min(0) }),
  /** That epoch's receipt is durable and its gate open. `started` on the first: the viewing starting time. */
  z.object({ type: z.literal('confirmed'), epoch, started: z.boolean(), usage: Usage }),
  /** Good for one media socket at `url` (a path is on this server), which holds the ticket, for `expiresInMs`. */
  z.object({ type: z.literal('ticket'), ticket: z.string(), url: z.string(), expiresInMs: z.int().min(0) }),
  /** The broadcaster went away for a moment, or is back. */
  z.object({ type: z.literal('media'), state: z.enum(['away', 'live']) }),
  /**
   * The viewing's end, and what it cost. `final`: the bill says the same. Otherwise the ledger could not be written, in time or at all,
   * and the bill may say something else; so it may where a server of before does not tell. The server closes the socket after it.
   */
  z.object({ type: z.literal('ended'), reason: z.enum(END_REASONS), usage: Usage, final: z.boolean().default(false) }),
  /**
   * What was refused and why; `message` is for people. `fatal`: the server closes the socket after it. `retryInMs`: when to ask again,
   * where the server knows.
   */
  z.object({
    type: z.literal('error'),
    code: z.enum(ERROR_CODES),
    message: z.string(),
    fatal: z.boolean(),
    retryInMs: z.int().min(0).optional(),
  }),
]);

export type ServerMessage = z.infer<typeof ServerMessage>;

/** The close code that goes with a fatal error. */
export const closeCode = (code: ErrorCode): number => 4000 + CLOSE[code];

const CLOSE: Record<ErrorCode, number> = {
  'bad-message': 400,
  'bad-state': 400,
  'token-invalid': 401,
  'token-expired': 401,
  'token-wrong-program': 403,
  'device-not-allowed': 403,
  'watch-invalid': 401,
  'tariff-changed': 409,
  'program-unknown': 404,
  'not-live': 404,
  'credit-exhausted': 402,
  'viewing-limit': 409,
  'too-many-viewings': 409,
  'try-later': 429,
  'resume-invalid': 401,
  'receipt-invalid': 400,
  unavailable: 503,
};

/** `GET /v1/programs`, one program. */
export const ProgramInfo = z.object({
  name: z.string(),
  title: z.string(),
  /** Whether it can be watched now. */
  live: z.boolean(),
  tariff: Tariff,
});

export type ProgramInfo = z.infer<typeof ProgramInfo>;

export const ProgramList = z.object({ programs: z.array(ProgramInfo) });
