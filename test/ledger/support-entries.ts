import type { Entry } from '../../src/ledger/entry.ts';

/** Apart from `support.ts`, which only jest can run. */
export const silent = { info() {}, warn() {}, error() {} };

export const tariff = { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 1 };

export const consent = (viewing: string, viewer: string, program = 'p', broadcast = 'b'): Entry => ({
  kind: 'consent',
  viewing,
  viewer,
  program,
  broadcast,
  tariff,
  token: `jti-${viewing}`,
  watch: 'jws',
});

export const receipt = (viewing: string, epoch: number): Entry => ({
  kind: 'receipt',
  viewing,
  epoch,
  chunks: 0,
  receipt: 'jws',
});
