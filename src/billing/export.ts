import type { Writable } from 'node:stream';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { unreachable } from '../errors.ts';
import type { Charge } from './charge.ts';
import { csvLines } from './export-csv.ts';
import { jsonDocument, ndjsonLines } from './export-json.ts';

export const EXPORT_FORMATS = ['csv', 'json', 'ndjson'] as const;

export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Text is handed on in blocks of about this many characters: one write for each line would cost more than making it. */
const BLOCK_CHARS = 64 * 1024;

/**
 * Writes charges to `target` as fast as it takes them, and ends it (not stdout, which Node keeps open). However many there are,
 * one block and what `target` buffers are in memory. Rejects with the target's error.
 */
export async function exportCharges(charges: Iterable<Charge>, format: ExportFormat, target: Writable): Promise<void> {
  await pipeline(Readable.from(inBlocks(encode(charges, format)), { objectMode: false }), target);
}

function encode(charges: Iterable<Charge>, format: ExportFormat): Iterable<string> {
  switch (format) {
    case 'csv':
      return csvLines(charges);
    case 'json':
      return jsonDocument(charges);
    case 'ndjson':
      return ndjsonLines(charges);
    default:
      return unreachable(format);
  }
}

function* inBlocks(lines: Iterable<string>): Generator<string> {
  let block = '';
  for (const line of lines) {
    block += line;
    if (block.length >= BLOCK_CHARS) {
      yield block;
      block = '';
    }
  }
  if (block !== '') yield block;
}
