import { ofRelay, type RelayLoad } from './relay-load.ts';
import { merged } from './settings.ts';
import type { Benchmark } from './table.ts';

/** Small enough that who reads nothing is behind at once, and let stay so: that is what the others must not notice. */
const DEAF = { viewers: { maxSocketBytes: 262_144, tooSlowMs: 600_000 } };

/** Whether those who keep up notice viewers who read nothing: no picture lost, and no more than 1.2 times the delay. */
export const slow: Benchmark = async (given) => {
  const options = { ...given, settings: merged(DEAF, given.settings) };
  const [viewers = 0] = options.viewers ?? (options.smoke ? [12] : [1_000]);
  const deaf = Math.ceil(viewers / 20);
  options.note(`${viewers} viewers`);
  const without = await ofRelay(viewers, 0, options);
  options.note(`${viewers} viewers, ${deaf} of whom read nothing`);
  const beside = await ofRelay(viewers, deaf, options);
  const row = (title: string, { delays, lost, dropped }: RelayLoad) => [title, delays.p50Ms, delays.p99Ms, lost, dropped];
  return {
    columns: [
      `${viewers} viewers`,
      'delay p50 ms',
      'delay p99 ms',
      'pictures lost by those who keep up',
      'chunks that the others lost meanwhile',
    ],
    rows: [
      row('all of whom read', without),
      row(`${deaf} of whom read nothing`, beside),
      ['ratio', beside.delays.p50Ms / without.delays.p50Ms, beside.delays.p99Ms / without.delays.p99Ms, '', ''],
    ],
  };
};
