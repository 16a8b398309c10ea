import { findWithin, fromTemplate, setText } from '../elements.ts';
import { formatTariff } from '../figures.ts';
import { formatAmounts } from './amounts.ts';
import { count } from './console-wording.ts';
import type { Row } from './keyed-rows.ts';
import type { ProgramFigures } from './overview.ts';

export function programRow(): Row<ProgramFigures> {
  const element = fromTemplate('program-row', HTMLTableRowElement);
  const cell = (name: string) => findWithin(element, `[data-cell="${name}"]`, HTMLElement);
  const [title, name, state] = [cell('title'), cell('name'), cell('state')];
  const [price, viewings, charged] = [cell('price'), cell('viewings'), cell('charged')];
  return {
    element,
    update({ program, ...figures }) {
      element.dataset.program = program.name;
      element.dataset.live = String(program.live);
      setText(title, program.title);
      setText(name, program.name);
      name.hidden = program.name === program.title;
      setText(state, program.live ? 'On air' : 'Off air');
      setText(price, formatTariff(program.tariff));
      setText(viewings, count(figures.viewings));
      setText(charged, formatAmounts(figures.charged));
    },
  };
}
