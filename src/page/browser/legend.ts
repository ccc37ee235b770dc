/** What the colours mean, and the choice of what they shall mean. */
import { stepNames, type Colouring } from '../model/colouring.ts';
import { chooser, element, named } from './elements.ts';
import type { PageContext } from './page-context.ts';

export function makeLegend(page: PageContext): HTMLElement {
  const choice = chooser<Colouring>(
    'Colour by',
    [
      { value: 'referrers', label: 'Referrers' },
      { value: 'distance', label: 'Distance' },
    ],
    (value) => {
      page.state.update({ colouring: value });
    },
  );
  const scale = element('ol', { class: 'scale' });
  const show = (): void => {
    const { colouring } = page.state.current;
    choice.show(colouring);
    scale.replaceChildren(
      ...stepNames[colouring].map((text, step) => element('li', { class: `step-${step}`, text })),
    );
    scale.setAttribute(
      'aria-label',
      colouring === 'referrers'
        ? 'Colours by how many paths refer to it'
        : 'Colours by references from a root',
    );
  };
  show();
  page.state.subscribe((_, changes) => {
    if (changes.has('colouring')) show();
  });
  return element('div', { class: 'legend', children: [named('Colour by', choice.element), scale] });
}
