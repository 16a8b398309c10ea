import type { TollcastError } from '../errors.ts';
import type { Usage } from '../protocol/messages.ts';
import type { EndReason } from '../viewing/end-reason.ts';

/**
 * How a viewing came to its end, as the client knows it. Ended by the server: the reason and the cost, which is `final` unless the
 * server's ledger could not be written in time. Ended by an error (refused, or lost for good): the last usage that the server had
 * confirmed; what it is billed by in the end, only the server's ledger knows.
 */
export type ViewingEnd =
  | { readonly by: 'server'; readonly reason: EndReason; readonly usage: Usage; readonly final: boolean }
  | { readonly by: 'error'; readonly error: TollcastError; readonly usage: Usage | undefined };

/**
 * `TollcastError.code` of what goes wrong on the client's side; what the server refuses has one of the protocol's error codes
 * (protocol/messages.ts).
 *
 * - `insecure-context`: no WebCrypto, because the page did not come over HTTPS or from this host
 * - `unreachable`: no server there, or it was lost and did not come back in time
 * - `media-unreachable`: keys arrive, chunks do not
 * - `protocol-violation`: the server said what this protocol has no place for
 * - `cancelled`: stopped before the viewing began
 * - `bad-address`: not the address of a server
 */
export const CLIENT_ERROR_CODES = [
  'insecure-context',
  'unreachable',
  'media-unreachable',
  'protocol-violation',
  'cancelled',
  'bad-address',
] as const;

export type ClientErrorCode = (typeof CLIENT_ERROR_CODES)[number];
