import Table from 'cli-table3';
import { strong } from './output.ts';
import { printable } from './text.ts';

export interface Column {
  readonly title: string;
  /** Numbers are compared by their last digits, so they end in one line. */
  readonly align?: 'left' | 'right';
}

/** Columns are aligned for so many rows at a time: however long a table gets, a page of it is in memory. */
const ROWS_A_PAGE = 1_000;

const WITHOUT_BORDERS = {
  chars: {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
    left: '',
    'left-mid': '',
    mid: '',
    'mid-mid': '',
    right: '',
    'right-mid': '',
    middle: '  ',
  },
  style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
};

/** Aligned lines for people. */
export function* tableLines(columns: readonly Column[], rows: Iterable<readonly string[]>): Generator<string> {
  let page: (readonly string[])[] = [];
  for (const row of rows) {
    page.push(row);
    if (page.length < ROWS_A_PAGE) continue;
    yield pageText(columns, page);
    page = [];
  }
  if (page.length > 0) yield pageText(columns, page);
}

function pageText(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const table = new Table({
    ...WITHOUT_BORDERS,
    head: columns.map(({ title }) => strong(title)),
    colAligns: columns.map(({ align }) => align ?? 'left'),
  });
  table.push(...rows.map((row) => row.map(printable)));
  return `${table.toString().replace(/[ \t]+$/gm, '')}\n`;
}
