import type { KeyOffer } from '../keys/content-key.ts';

/** The authority, as far as an encryptor needs it, be it in this process or across a network. */
export interface KeySource {
  /** Why a stream key does not open a program to a broadcaster; undefined if it does. */
  verify(program: string, streamKey: string): Promise<StreamKeyRefusal | undefined>;
  /**
   * Where the timeline of a broadcast that begins now, right after its stream key was verified, has to start, so that viewers of
   * another encryptor's do not see it go back. Undefined: wherever its encoder begins.
   */
  timelineStartMs(program: string): number | undefined;
  /** A broadcast begins here. Its keys are offered to `encryptor`, in time, until it ends. */
  begin(program: string, broadcast: string, encryptor: Encryptor): BroadcastReports;
}

export interface StreamKeyRefusal {
  readonly code: string;
  readonly message: string;
}

/** What the authority tells the encryptor of one broadcast. */
export interface Encryptor {
  offer(offer: KeyOffer): void;
  /** The authority has ended the broadcast. */
  end(reason: AuthorityEnd): void;
}

/** Nothing more may be sent for it here. `fenced`: another encryptor process has the program now; `revoked`: the credential is good no more. */
export type AuthorityEnd = 'program-removed' | 'shutdown' | 'fenced' | 'revoked';

/** What the encryptor tells the authority of one broadcast. Times are this process's own monotonic milliseconds. */
export interface BroadcastReports {
  /** The first chunk of an epoch is about to be sealed. */
  began(epoch: number, atMs: number): void;
  /** The broadcaster went away, or came back, within its grace time. */
  away(): void;
  back(): void;
  ended(reason: 'broadcast-ended' | 'program-removed' | 'shutdown'): void;
}
