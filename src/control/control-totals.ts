import { Tally } from '../tally.ts';

/** What became of control sockets, or of encryptors' sockets, since the start; for metrics. */
export class ControlTotals {
  /** Open now. */
  open = 0;
  /** By the code that the other side was told. */
  readonly refused = new Tally();
  /** Sockets that sent more messages than their budget allows. */
  overBudget = 0;
  /** Sockets that were given up because they did not take what was sent. */
  unread = 0;
}
