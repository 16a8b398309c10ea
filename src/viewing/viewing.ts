import { unreachable } from '../errors.ts';
import type { EndReason } from './end-reason.ts';

/**
 * One viewer watching one program once, as a pure state machine: (state, event, context) → (state, commands). DESIGN.md, section 4,
 * "Keys, receipts and the viewing" has the rules and the table of ends; docs/PROTOCOL.md tells them to viewers.
 *
 *   offered ──first durable receipt──▶ started ──┐
 *      └────────────── any end ─────────────────┴──▶ ending ──last delivery known──▶ ended
 */
export interface Viewing {
  readonly phase: 'offered' | 'started' | 'ending' | 'ended';
  /** The keys sent last, oldest first; at most `KEYS_KEPT`. */
  readonly keys: readonly SentKey[];
  /** An update whose time has come while the answer to the one before may still arrive. */
  readonly held?: number;
  /** When an awaited answer is given up, if that is decided by time and not by the next update. */
  readonly deadlineMs?: number;
  /** When the control socket was lost; absent while it is there. */
  readonly lostMs?: number;
  readonly startedMs?: number;
  /** The highest epoch with a durable receipt. */
  readonly confirmedEpoch?: number;
  /** Credit does not cover another epoch: no further key, the end comes with the next epoch. */
  readonly exhausted: boolean;
  readonly end?: { readonly reason: EndReason; readonly requestedMs: number; readonly atMs?: number };
}

export interface SentKey {
  readonly epoch: number;
  readonly sentMs: number;
  /** `received`: verified, but not yet durable; its gate is closed and its viewing alive. */
  readonly receipt: 'awaited' | 'received' | 'durable';
}

export type ViewingEvent =
  /** Its consent was taken: it gets the current epoch's key, and the next one's too once that is being handed out. */
  | { readonly type: 'joined'; readonly epochs: readonly number[] }
  /** Its place in the spread of an epoch's updates has come. */
  | { readonly type: 'update-due'; readonly epoch: number }
  /** A receipt was verified. */
  | { readonly type: 'receipt'; readonly epoch: number }
  /** A receipt is durable. */
  | { readonly type: 'committed'; readonly epoch: number }
  | { readonly type: 'deadline' }
  /** The control socket was lost. */
  | { readonly type: 'lost' }
  /** The device proved itself on a new control socket. */
  | { readonly type: 'resumed' }
  /** The broadcaster went away, or came back. */
  | { readonly type: 'away' }
  | { readonly type: 'back' }
  | { readonly type: 'exhausted' }
  | { readonly type: 'epoch-began'; readonly epoch: number }
  | { readonly type: 'end'; readonly reason: EndReason }
  /** The edge closed the gate: when it sent the last chunk, if it sent any. */
  | { readonly type: 'delivered'; readonly lastChunkMs?: number };

export type ViewingCommand =
  | { readonly type: 'send-key'; readonly epoch: number }
  | { readonly type: 'commit-receipt'; readonly epoch: number }
  /** The viewing starting time. */
  | { readonly type: 'record-start'; readonly atMs: number }
  /** `first`: the viewing's first durable receipt. */
  | { readonly type: 'open-gate'; readonly epoch: number; readonly first: boolean }
  | { readonly type: 'close-gate' }
  | { readonly type: 'record-end'; readonly reason: EndReason; readonly atMs: number };

export interface ViewingContext {
  readonly nowMs: number;
  /** The least time that a viewer has to answer an update. */
  readonly minAnswerMs: number;
  /** How long deadlines go on while the broadcaster is away. */
  readonly periodMs: number;
  /** When an epoch ended; undefined while it lasts or before it begins. */
  epochEndMs(epoch: number): number | undefined;
}

/** The current epoch's, the next one's and, for a receipt on its way, the one's before. */
export const KEYS_KEPT = 3;

export const newViewing: Viewing = { phase: 'offered', keys: [], exhausted: false };

type Step = readonly [Viewing, readonly ViewingCommand[]];

const isOver = (viewing: Viewing): boolean => viewing.phase === 'ending' || viewing.phase === 'ended';

export function stepViewing(viewing: Viewing, event: ViewingEvent, context: ViewingContext): Step {
  if (isOver(viewing))
    return event.type === 'delivered' && viewing.phase === 'ending' ? ended(viewing, event.lastChunkMs, context) : [viewing, []];
  switch (event.type) {
    case 'joined':
      return event.epochs.reduce<Step>((step, epoch) => then(step, (now) => sendKey(now, epoch, context)), [viewing, []]);
    case 'update-due':
      return updateDue(viewing, event.epoch, context);
    case 'receipt':
      return receipt(viewing, event.epoch, context);
    case 'committed':
      return committed(viewing, event.epoch, context);
    case 'deadline':
      return viewing.deadlineMs !== undefined && context.nowMs >= viewing.deadlineMs
        ? unanswered(viewing, context)
        : [viewing, []];
    case 'lost':
      return [{ ...viewing, lostMs: viewing.lostMs ?? context.nowMs }, []];
    case 'resumed':
      return resumed(viewing);
    case 'away':
      return [withDeadline(viewing, awaited(viewing) === undefined ? undefined : context.nowMs + context.periodMs), []];
    case 'back':
      return [viewing.held === undefined ? withDeadline(viewing, undefined) : viewing, []];
    case 'exhausted':
      return viewing.confirmedEpoch === undefined
        ? finish(viewing, 'credit-exhausted', context)
        : [{ ...viewing, exhausted: true }, []];
    case 'epoch-began':
      return viewing.exhausted && event.epoch > (viewing.confirmedEpoch ?? 0)
        ? finish(viewing, 'credit-exhausted', context)
        : [viewing, []];
    case 'end':
      return finish(viewing, event.reason, context);
    case 'delivered':
      return [viewing, []];
    default:
      return unreachable(event);
  }
}

function then(step: Step, next: (viewing: Viewing) => Step): Step {
  const [viewing, commands] = step;
  const [after, more] = next(viewing);
  return [after, [...commands, ...more]];
}

/** The key sent last, if its receipt was not received. */
function awaited(viewing: Viewing): SentKey | undefined {
  const last = viewing.keys.at(-1);
  return last?.receipt === 'awaited' ? last : undefined;
}

function sendKey(viewing: Viewing, epoch: number, context: ViewingContext): Step {
  const key: SentKey = { epoch, sentMs: context.nowMs, receipt: 'awaited' };
  return [{ ...viewing, keys: [...viewing.keys, key].slice(-KEYS_KEPT) }, [{ type: 'send-key', epoch }]];
}

/** No receipt, no next key: the deadline of an answer is the next update, or its least answer time if that is later. */
function updateDue(viewing: Viewing, epoch: number, context: ViewingContext): Step {
  if (viewing.exhausted || epoch <= (viewing.keys.at(-1)?.epoch ?? 0)) return [viewing, []];
  const last = awaited(viewing);
  if (last === undefined) return sendKey(viewing, epoch, context);
  // Where that is over it ends with the event `deadline`, before which whatever has come is looked at.
  const deadlineMs = Math.max(context.nowMs, last.sentMs + context.minAnswerMs);
  return [{ ...withDeadline(viewing, deadlineMs), held: epoch }, []];
}

function receipt(viewing: Viewing, epoch: number, context: ViewingContext): Step {
  if (viewing.keys.find((key) => key.epoch === epoch)?.receipt !== 'awaited') return [viewing, []];
  const received = withReceipt(viewing, epoch, 'received');
  const commit: Step = [received, [{ type: 'commit-receipt', epoch }]];
  if (awaited(received) !== undefined) return commit;
  const { held, ...answered } = withDeadline(received, undefined);
  return held === undefined ? [answered, commit[1]] : then([answered, commit[1]], (now) => updateDue(now, held, context));
}

function committed(viewing: Viewing, epoch: number, context: ViewingContext): Step {
  if (viewing.keys.find((key) => key.epoch === epoch)?.receipt !== 'received') return [viewing, []];
  const durable: Viewing = {
    ...withReceipt(viewing, epoch, 'durable'),
    confirmedEpoch: Math.max(epoch, viewing.confirmedEpoch ?? 0),
  };
  if (durable.phase === 'started') return [durable, [{ type: 'open-gate', epoch, first: false }]];
  const atMs = context.nowMs;
  return [
    { ...durable, phase: 'started', startedMs: atMs },
    [
      { type: 'record-start', atMs },
      { type: 'open-gate', epoch, first: true },
    ],
  ];
}

/** What was sent and not answered is sent again; its deadline stays what it was. */
function resumed(viewing: Viewing): Step {
  const { lostMs: _, ...here } = viewing;
  const missed = viewing.keys.filter((key) => key.receipt === 'awaited');
  return [here, missed.map(({ epoch }) => ({ type: 'send-key', epoch }))];
}

const unanswered = (viewing: Viewing, context: ViewingContext): Step =>
  finish(viewing, viewing.lostMs === undefined ? 'unconfirmed' : 'disconnected', context);

function finish(viewing: Viewing, reason: EndReason, context: ViewingContext): Step {
  const { held: _, ...rest } = withDeadline(viewing, undefined);
  return [{ ...rest, phase: 'ending', end: { reason, requestedMs: context.nowMs } }, [{ type: 'close-gate' }]];
}

function ended(viewing: Viewing, lastChunkMs: number | undefined, context: ViewingContext): Step {
  if (viewing.end === undefined) return [viewing, []];
  const { reason, requestedMs } = viewing.end;
  const atMs = Math.max(viewing.startedMs ?? 0, endsAtMs(viewing, reason, requestedMs, lastChunkMs, context));
  return [{ ...viewing, phase: 'ended', end: { reason, requestedMs, atMs } }, [{ type: 'record-end', reason, atMs }]];
}

/** DESIGN.md, section 4: the table "a viewing ends by / ended at". */
function endsAtMs(
  viewing: Viewing,
  reason: EndReason,
  requestedMs: number,
  lastChunkMs: number | undefined,
  context: ViewingContext,
): number {
  switch (reason) {
    case 'stopped':
    case 'revoked':
    case 'superseded':
      return requestedMs;
    case 'unconfirmed':
    case 'credit-exhausted':
    case 'interrupted': {
      const epochEndMs = viewing.confirmedEpoch === undefined ? undefined : context.epochEndMs(viewing.confirmedEpoch);
      return Math.min(requestedMs, epochEndMs ?? requestedMs);
    }
    case 'disconnected': {
      const lostMs = viewing.lostMs ?? requestedMs;
      return Math.max(lostMs, lastChunkMs ?? lostMs);
    }
    case 'too-slow':
    case 'broadcast-ended':
    case 'program-removed':
    case 'shutdown':
      return lastChunkMs ?? viewing.startedMs ?? requestedMs;
    default:
      return unreachable(reason);
  }
}

function withReceipt(viewing: Viewing, epoch: number, receiptState: 'received' | 'durable'): Viewing {
  return { ...viewing, keys: viewing.keys.map((key) => (key.epoch === epoch ? { ...key, receipt: receiptState } : key)) };
}

function withDeadline(viewing: Viewing, deadlineMs: number | undefined): Viewing {
  const { deadlineMs: _, ...rest } = viewing;
  return deadlineMs === undefined ? rest : { ...rest, deadlineMs };
}
