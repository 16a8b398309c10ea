import { until } from '../e2e/relay-process.ts';
import { addressOf, type HostileSocket } from './hostile-socket.ts';
import type { Counters, HostileStage } from './hostile-stage.ts';
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

/** Slow clients of every kind, all at once. */
export class SlowClients {
  readonly #stage: HostileStage;
  readonly #patience: Patience;
  readonly #before: Counters;
  readonly #opened: readonly (readonly [SlowAttack, readonly HostileSocket[]])[];

  private constructor(
    stage: HostileStage,
    patience: Patience,
    before: Counters,
    opened: readonly (readonly [SlowAttack, readonly HostileSocket[]])[],
  ) {
    this.#stage = stage;
    this.#patience = patience;
    this.#before = before;
    this.#opened = opened;
  }

  /** @param count of each kind, each from an address of its own */
  static async open(
    stage: HostileStage,
    attacks: readonly SlowAttack[],
    patience: Patience,
    count: number,
  ): Promise<SlowClients> {
    const before = await stage.counters();
    const open = async (attack: SlowAttack) => {
      const sockets = Array.from({ length: count }, (_, index) => attack.open(stage, addressOf(index)));
      return [attack, await Promise.all(sockets)] as const;
    };
    return new SlowClients(stage, patience, before, await Promise.all(attacks.map(open)));
  }

  /** Once all are ended, or should have been. */
  async rows(): Promise<Row[]> {
    const all = this.#opened.flatMap(([, sockets]) => sockets);
    const mostMs = Math.max(...this.#opened.map(([attack]) => attack.endedWithinMs(this.#patience)));
    await until(() => all.every(({ isOpen }) => !isOpen), 'every slow client is ended', mostMs + LATE_MS).catch(() => undefined);
    const harm = await this.#stage.harm();
    const rows = this.#opened.map(([attack, sockets]) => rowOf(attack, sockets, attack.endedWithinMs(this.#patience), harm));
    for (const socket of all) socket.destroy();
    this.#stage.leave();
    await this.#stage.isBackAt(this.#before, BACK_WITHIN_MS);
    return rows;
  }
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
