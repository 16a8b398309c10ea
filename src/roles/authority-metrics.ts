import type { Authority } from '../authority/authority.ts';
import type { RemoteEncryptors } from '../authority/remote-encryptors.ts';
import type { ViewersConfig } from '../config/sections.ts';
import type { AdmissionQueue } from '../control/admission-queue.ts';
import type { ControlTotals } from '../control/control-totals.ts';
import { ENCRYPTOR_ERROR_CODES } from '../protocol/encryptor-messages.ts';
import { ERROR_CODES } from '../protocol/messages.ts';
import type { Host } from './host.ts';

/** From a key's sending to its receipt on disk, in seconds: 10 ms to past the longest usual `minAnswerMs`. */
export const RECEIPT_SECONDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];

/** From a `watch` to its turn, in seconds: at once, to past what anybody would wait. */
export const WAIT_SECONDS = [0.01, 0.1, 0.5, 1, 2, 5, 10, 20, 60];

/** What the authority's queues hold, and what its limits refused. */
export function measureViewings({ metrics }: Host, authority: Authority, { maxViewings }: ViewersConfig): void {
  const { debt, catchUps } = authority;
  metrics.gauge('tollcast_viewings_limit', 'viewers.maxViewings: more are refused', () => maxViewings);
  metrics.gauge('tollcast_viewings_without_edge', 'Viewings that wait for an edge to be sent to', () => authority.withoutEdge);
  metrics.total('tollcast_viewings_resumed_total', 'Control sockets that took a viewing over', () => authority.totals.resumed);
  metrics.total('tollcast_tickets_issued_total', 'Media tickets that were given out', () => authority.totals.tickets);
  metrics.total('tollcast_key_updates_total', 'Keys that were sent to viewings', () => authority.totals.keys);
  metrics.gauge('tollcast_control_waiting_messages', 'Messages to viewers that are being made', () => authority.waitingMessages);
  metrics.total(
    'tollcast_key_updates_unanswered_total',
    'Keys that were not confirmed when their viewing ended',
    () => debt.unanswered,
  );
  metrics.gauge('tollcast_key_updates_awaited', 'Keys that await their receipt', () => debt.awaited);
  metrics.gauge('tollcast_key_debtors', 'Viewers of a program that left keys unconfirmed', () => debt.debtors);
  metrics.totals('tollcast_catch_ups_total', 'Free catch-ups that were asked for', 'answer', () => catchUps.answers.totals, [
    'given',
    'withheld',
  ]);
}

/** Who waits to be let in. */
export function measureAdmission({ metrics }: Host, queue: AdmissionQueue, { maxWaiting }: ViewersConfig): void {
  metrics.gauge('tollcast_admission_waiting', 'Newcomers that wait for their turn', () => queue.waiting);
  metrics.gauge('tollcast_admission_waiting_limit', 'viewers.maxWaiting: more are refused', () => maxWaiting);
  metrics.gauge('tollcast_admission_rate', 'Newcomers that are let in a second, if there are so many', () => queue.perSecond);
  metrics.total('tollcast_admission_refused_total', 'Newcomers that found no place to wait', () => queue.refused);
}

/** Those of viewers. */
export function measureControl({ metrics }: Host, totals: ControlTotals): void {
  metrics.gauge('tollcast_control_sockets', 'Control sockets open', () => totals.open);
  metrics.totals('tollcast_viewers_refused_total', 'What viewers were refused', 'code', () => totals.refused.totals, ERROR_CODES);
  metrics.total('tollcast_control_over_budget_total', 'Control sockets closed for too many messages', () => totals.overBudget);
  metrics.total('tollcast_control_unread_total', 'Control sockets given up for not taking what was sent', () => totals.unread);
}

/** Where encryptors are elsewhere. */
export function measureEncryptors({ metrics }: Host, encryptors: RemoteEncryptors, totals: ControlTotals): void {
  metrics.gauge('tollcast_encryptors', 'Encryptors elsewhere that are connected', () => encryptors.connected);
  metrics.totals(
    'tollcast_encryptors_refused_total',
    'Encryptors that were refused',
    'code',
    () => totals.refused.totals,
    ENCRYPTOR_ERROR_CODES,
  );
  metrics.total(
    'tollcast_encryptors_over_budget_total',
    "Encryptors' sockets closed for too many messages",
    () => totals.overBudget,
  );
  metrics.total(
    'tollcast_encryptors_unread_total',
    "Encryptors' sockets given up for not taking what was sent",
    () => totals.unread,
  );
}
