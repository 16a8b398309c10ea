import type { KeyObject } from 'node:crypto';
import { thumbprint } from '../keys/node/public-key.ts';
import { verifyResume } from '../keys/node/resume.ts';
import { tokenHash, type VerifiedWatch } from '../keys/node/watch.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { ViewerToken } from '../tokens/viewer-token.ts';
import type { Channel } from './outbox.ts';

/** What a viewer shows to begin a viewing; token and statement are verified each for itself. */
export interface WatchRequest {
  readonly token: ViewerToken;
  readonly tokenText: string;
  readonly watch: VerifiedWatch;
  /** The statement as it was signed, for the ledger. */
  readonly jws: string;
  /** Of the socket that it came on. */
  readonly challenge: string;
  readonly channel: Channel;
}

/**
 * Whether statement, token, device and socket belong together.
 * @throws Refusal `watch-invalid`, `token-wrong-program`, `device-not-allowed`
 */
export function checkWatch({ token, tokenText, watch, challenge }: WatchRequest): void {
  const { statement, signJwk } = watch;
  if (statement.challenge !== challenge) throw new Refusal('watch-invalid', 'the challenge is not the one of this socket');
  if (statement.tokenHash !== tokenHash(tokenText)) throw new Refusal('watch-invalid', 'the statement is about another token');
  if (!token.programs.includes(statement.program))
    throw new Refusal('token-wrong-program', `the token is not for the program ${statement.program}`);
  if (token.device !== undefined && token.device !== thumbprint(signJwk))
    throw new Refusal('device-not-allowed', 'the token is for another device');
}

/**
 * The key that a viewing's device wants its new session key agreed with.
 * @throws Refusal `resume-invalid` where it is not signed by that device, for that viewing, on that socket
 */
export function agreedOnResume(jws: string, signKey: KeyObject, viewing: string, challenge: string): KeyObject {
  const { statement, agreeKey } = signedResume(jws, signKey);
  if (statement.viewing !== viewing || statement.challenge !== challenge)
    throw new Refusal('resume-invalid', 'the statement is for another viewing or another socket');
  return agreeKey;
}

function signedResume(jws: string, signKey: KeyObject): ReturnType<typeof verifyResume> {
  try {
    return verifyResume(jws, signKey);
  } catch {
    throw new Refusal('resume-invalid', 'the statement is not signed by the device of that viewing');
  }
}
