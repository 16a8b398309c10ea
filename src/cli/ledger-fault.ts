import { TollcastError, unreachable } from '../errors.ts';
import type { Fault, NotedHead } from '../ledger/verify.ts';

/** As `--head` takes it. */
export const headText = ({ seq, hash }: NotedHead): string => `${seq}:${hash}`;

/** @param what such as "the ledger of data" */
export const notWhole = (what: string, fault: Fault): TollcastError =>
  new TollcastError('ledger-fault', `${what} is not whole: ${faultText(fault)}`);

function faultText(fault: Fault): string {
  switch (fault.at) {
    case 'entry':
      return `entry ${fault.seq} (${fault.kind}): ${fault.what}`;
    case 'projection':
      return `table ${fault.table} does not follow from the entries: ${fault.what}`;
    case 'file':
      return fault.what;
    default:
      return unreachable(fault);
  }
}
