import type { LiveViewing } from '../../protocol/live-viewing.ts';
import type { ProgramInfo } from '../../protocol/messages.ts';
import { type Amount, sumByCurrency } from './amounts.ts';
import type { Snapshot } from './operator-api.ts';

/** A program, and the viewings of it that are under way. */
export interface ProgramFigures {
  readonly program: ProgramInfo;
  readonly viewings: number;
  /** What these viewings come to; empty if there are none. */
  readonly charged: readonly Amount[];
}

export interface Overview {
  readonly programs: readonly ProgramFigures[];
  readonly onAir: number;
  readonly viewings: number;
  readonly reconnecting: number;
  /** What the viewings that are under way come to. */
  readonly charged: readonly Amount[];
}

export function overviewOf({ programs, viewings }: Pick<Snapshot, 'programs' | 'viewings'>): Overview {
  const byProgram = Map.groupBy(viewings, ({ program }) => program);
  return {
    programs: programs.map((program) => {
      const own = byProgram.get(program.name) ?? [];
      return { program, viewings: own.length, charged: chargedOf(own) };
    }),
    onAir: programs.filter(({ live }) => live).length,
    viewings: viewings.length,
    reconnecting: viewings.filter((viewing) => statusOf(viewing) === 'reconnecting').length,
    charged: chargedOf(viewings),
  };
}

export const chargedOf = (viewings: readonly LiveViewing[]): readonly Amount[] =>
  sumByCurrency(viewings.map(({ usage }) => usage));

export type ViewingStatus = 'starting' | 'watching' | 'reconnecting' | 'ending';

export function statusOf({ phase, connected }: LiveViewing): ViewingStatus {
  switch (phase) {
    case 'offered':
      return 'starting';
    case 'started':
      return connected ? 'watching' : 'reconnecting';
    case 'ending':
    case 'ended':
      return 'ending';
  }
}

export const ORDERS = ['viewer', 'program', 'longest', 'shortest'] as const;
export type Order = (typeof ORDERS)[number];

/** Which of the viewings are wanted. */
export interface Selection {
  /** Part of the viewer's name; case does not matter. */
  readonly viewer: string;
  readonly order: Order;
}

const byName = new Intl.Collator(undefined, { numeric: true }).compare;

export function select(viewings: readonly LiveViewing[], { viewer, order }: Selection): readonly LiveViewing[] {
  const wanted = viewer.trim().toLocaleLowerCase();
  const selected = viewings.filter((viewing) => viewing.viewer.toLocaleLowerCase().includes(wanted));
  return selected.sort((a, b) => compare(a, b, order) || byName(a.viewing, b.viewing));
}

function compare(a: LiveViewing, b: LiveViewing, order: Order): number {
  switch (order) {
    case 'viewer':
      return byName(a.viewer, b.viewer) || byName(a.program, b.program);
    case 'program':
      return byName(a.program, b.program) || byName(a.viewer, b.viewer);
    case 'longest':
      return b.usage.billableMs - a.usage.billableMs;
    case 'shortest':
      return a.usage.billableMs - b.usage.billableMs;
  }
}
