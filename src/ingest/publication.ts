import type { FlvTags } from '../media/flv.ts';

/** Someone wants to broadcast a program. Both fields are whatever a stranger sent, up to 1024 characters each. */
export interface PublishRequest {
  readonly program: string;
  readonly streamKey: string;
  readonly remoteAddress: string;
}

/** Why a publisher may not begin, or not go on: `code` is stable and goes to logs and metrics, `message` says what to do. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
}

/** Encoders try again after this one. */
export const SHUTTING_DOWN: Refusal = { code: 'shutdown', message: 'the relay is being stopped: try again in a while' };

export type PublishDecision =
  | { readonly accepted: true; readonly sink: PublicationSink }
  | ({ readonly accepted: false } & Refusal);

/** How a publisher's connection ended: it said that it was finished, or it was lost. */
export type PublicationEnd = 'unpublished' | 'dropped';

/** Where the tags of one publisher's connection go. */
export interface PublicationSink {
  /** Takes what one read of the socket brought. False: no more, please, until `onDrain`. */
  write(tags: FlvTags): boolean;
  /** Sets what is called once, after a `write` that returned false, when there is room again. */
  onDrain(listener: () => void): void;
  /** Sets what is called if the publisher is to be cut off. */
  onKick(listener: (why: Refusal) => void): void;
  /** The connection is gone. Called once, and last. */
  end(how: PublicationEnd): void;
}
