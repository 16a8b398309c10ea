import type { EncryptorErrorCode } from '../protocol/encryptor-messages.ts';

/** What an encryptor's credential is refused with is what its broadcasters are told. */
const OF_CREDENTIALS = [
  'credential-invalid',
  'credential-revoked',
  'opening-invalid',
] as const satisfies readonly EncryptorErrorCode[];

/** Every code of a `Refusal` that this version knows. An authority of another version may send one more of a stream key. */
export const INGEST_REFUSALS = [
  ...OF_CREDENTIALS,
  'already-publishing',
  'authority-unreachable',
  'broadcast-ended',
  'handshake-timeout',
  'idle-timeout',
  'internal',
  'not-publishing',
  'play-refused',
  'program-not-allowed',
  'program-unknown',
  'rtmp-limit',
  'rtmp-malformed',
  'shutdown',
  'stream-key-wrong',
  'tls-failed',
  'too-many-connections',
  'too-many-connections-per-address',
  'unknown-app',
] as const;
