import { until } from '../e2e/relay-process.ts';
import { addressOf, type HostileSocket } from './hostile-socket.ts';
import type { HostileStage } from './hostile-stage.ts';
import type { MemoryAttack } from './memory-attacks.ts';
import type { Patience, SlowAttack } from './slow-attacks.ts';

/** A row of the table: what was attacked, what came of it, what it was held against, and what was wrong with it. */
export interface Row {
  readonly attack: string;
  readonly figures: string;
  readonly bound: string;
  readonly faults: readonly string[];
}

/** For closing what the hostile clients left, and for the relay to look up its limits on time. */
const BACK_WITHIN_MS = 40_000;
/** How much later than it says the relay may be on a machine that does other things as well. */
const LATE_MS = 5_000;

export async function memoryRow(
  stage: HostileStage,
  attack: MemoryAttack,
  { settleMs, holdMs }: { readonly settleMs: number; readonly holdMs: number },
): Promise<Row> {
  const before = await stage.counters();
  const { beforeMb, growthMb, value } = await stage.measured(() => attack.run(stage, holdMs), settleMs);
  value.leave();
  await stage.isBackAt(before, BACK_WITHIN_MS);
  const harm = await stage.harm();
  const tooMuch = growthMb > attack.maxGrowthMb ? [`${Math.round(growthMb)} MB are more than ${attack.maxGrowthMb}`] : [];
  return {
    attack: attack.name,
    figures: `${value.figures}; ${Math.round(beforeMb)} MB + ${Math.round(growthMb)} MB`,
    bound: `+ ${attack.maxGrowthMb} MB`,
    faults: [...tooMuch, ...harm],
  };
}

/** All kinds at once, `count` of each. */
export async function slowRows(
  stage: HostileStage,
  attacks: readonly SlowAttack[],
  patience: Patience,
  count: number,
): Promise<Row[]> {
  const before = await stage.counters();
  const opened = await Promise.all(
    attacks.map((attack) => Promise.all(Array.from({ length: count }, (_, index) => attack.open(stage, addressOf(index))))),
  );
  const all = opened.flat();
  const mostMs = Math.max(...attacks.map((attack) => attack.endedWithinMs(patience)));
  await until(() => all.every(({ isOpen }) => !isOpen), 'every slow client is ended', mostMs + LATE_MS).catch(() => undefined);
  const harm = await stage.harm();
  const rows = attacks.map((attack, index) => rowOf(attack, opened[index] ?? [], attack.endedWithinMs(patience), harm));
  for (const socket of all) socket.destroy();
  stage.leave();
  await stage.isBackAt(before, BACK_WITHIN_MS);
  return rows;
}

function rowOf({ name }: SlowAttack, sockets: readonly HostileSocket[], boundMs: number, harm: readonly string[]): Row {
  const lastedMs = sockets.map((socket) => socket.lastedMs ?? Number.POSITIVE_INFINITY);
  const [least, most] = [Math.round(Math.min(...lastedMs)), Math.round(Math.max(...lastedMs))];
  const tooLong = most > boundMs + LATE_MS ? [`ended after ${most} ms, which is more than ${boundMs}`] : [];
  return {
    attack: `${sockets.length} × ${name}`,
    figures: `ended after ${least} to ${most} ms`,
    bound: `${boundMs} ms`,
    faults: [...tooLong, ...harm],
  };
}
