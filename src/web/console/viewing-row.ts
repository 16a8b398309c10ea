import type { LiveViewing } from '../../protocol/live-viewing.ts';
import { findWithin, fromTemplate, setText } from '../elements.ts';
import { formatTime } from '../figures.ts';
import { formatAmount } from './amounts.ts';
import { statusWords } from './console-wording.ts';
import type { Row } from './keyed-rows.ts';
import { statusOf } from './overview.ts';

/** A viewing under way, as a row of the table shows it. */
export interface ViewingLine {
  readonly viewing: LiveViewing;
  /** `revoking`: the relay has been asked to; `impossible`: it does not answer. */
  readonly revocation: 'possible' | 'revoking' | 'impossible';
}

export function viewingRow(): Row<ViewingLine> {
  const element = fromTemplate('viewing-row', HTMLTableRowElement);
  const cell = (name: string) => findWithin(element, `[data-cell="${name}"]`, HTMLElement);
  const [viewer, program, status] = [cell('viewer'), cell('program'), cell('status')];
  const [epoch, time, cost, revoke] = [cell('epoch'), cell('time'), cell('cost'), cell('revoke')];
  return {
    element,
    update({ viewing, revocation }) {
      const linkStatus = statusOf(viewing);
      const isOver = revocation === 'revoking' || linkStatus === 'ending';
      set(element, 'data-viewing', viewing.viewing);
      set(element, 'data-status', linkStatus);
      setText(viewer, viewing.viewer);
      setText(program, viewing.program);
      setText(status, statusWords(linkStatus));
      setText(epoch, viewing.confirmedEpoch === null ? '–' : String(viewing.confirmedEpoch));
      setText(time, timeOf(viewing));
      setText(cost, formatAmount(viewing.usage));
      setText(revoke, isOver ? 'Ending' : 'Revoke');
      set(
        revoke,
        'aria-label',
        isOver ? `Ending: ${viewing.viewer}` : `Revoke ${viewing.viewer}’s viewing of ${viewing.program}`,
      );
      // Not `disabled`, which would take the focus from whoever just revoked by keyboard.
      set(revoke, 'aria-disabled', String(isOver || revocation === 'impossible'));
    },
  };
}

/** Rounded up, as the bill and the viewer's page are. */
export const timeOf = ({ usage }: LiveViewing): string => formatTime(Math.ceil(usage.billableMs / 1_000));

function set(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}
