import type { Clock, Timers } from '../clock.ts';
import type { TollcastError } from '../errors.ts';
import type { Usage } from '../protocol/messages.ts';
import type { Admission, Asked, Waiting } from './admission.ts';
import type { FlvPiece } from './flv-joiner.ts';
import type { OpenSocket } from './socket.ts';
import type { ViewerState } from './state.ts';

/** What happens in a viewing, as it happens. None is called before `ViewerClient.start` has returned; none may throw. */
export interface ViewerObserver {
  state?(state: ViewerState): void;
  /** It has to wait to be admitted, or taken up again, and stands here now. */
  waiting?(waiting: Waiting): void;
  /** The server has admitted the viewing, or taken it up again. */
  admitted?(admission: Omit<Admission, 'sessionKey'>): void;
  /** An epoch's receipt is durable: its chunks may come. */
  confirmed?(epoch: number): void;
  /** What the viewing costs so far, by the server's figures. */
  usage?(usage: Usage): void;
  /** FLV bytes, in order. */
  media?(piece: FlvPiece): void;
  /** The server refused something, but the viewing goes on. */
  refused?(error: TollcastError): void;
}

export interface ViewerOptions extends Asked {
  /** The server's address, such as `https://video.example`; a path in it is kept as a prefix. */
  readonly base: string;
  /** The price consented to, as `fetchProgram` gave it. */
  readonly tariff: Asked['tariff'];
  readonly observer?: ViewerObserver;
  readonly openSocket?: OpenSocket;
  readonly timers?: Timers;
  readonly clock?: Pick<Clock, 'nowMs'>;
  /** In [0, 1), for jitter. */
  readonly random?: () => number;
}
