import { messageOf } from '../errors.ts';

/**
 * Names and titles come from tokens and operators, messages from servers: none of them may move a terminal's cursor or break a
 * line that scripts read (CWE-150).
 */
export const printable = (text: string): string => text.replace(/\p{Cc}/gu, '\u{fffd}');

/** The same words in one line. */
export const oneLine = (text: string): string => printable(text.replace(/\s+/g, ' ').trim()).replace(/\.$/, '');

/** An instant for people: UTC, to the second, `2026-03-01 18:00:00Z`. */
export const instantText = (wallMs: number): string => `${new Date(wallMs).toISOString().slice(0, 19).replace('T', ' ')}Z`;

export const isoTime = (wallMs: number): string => new Date(wallMs).toISOString();

/** 1 entry, 2 entries. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString('en')} ${count === 1 ? one : many}`;

/** A system error without the call and the path, which whoever says it names in its own words. */
export const systemText = (error: unknown): string => messageOf(error).replace(/, \w+( '.*')?$/s, '');
