/** Why a viewing ended (DESIGN.md, section 4; docs/PROTOCOL.md has the table with the time each one ends at). */
export const END_REASONS = [
  'stopped',
  'unconfirmed',
  'disconnected',
  'too-slow',
  'broadcast-ended',
  'program-removed',
  'shutdown',
  'credit-exhausted',
  'revoked',
  'superseded',
  'interrupted',
] as const;

export type EndReason = (typeof END_REASONS)[number];
