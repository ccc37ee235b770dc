/** What the panel is made of. */
import { formatBytes } from '../../bytes/format-bytes.ts';
import { labelOf } from '../model/closure.ts';
import { element } from './elements.ts';
import type { PageContext } from './page-context.ts';

/** A figure, with what it means above it and a word about it below. */
export function fact(title: string, value: string, about: string): HTMLElement {
  return element('div', {
    class: 'fact',
    children: [
      element('dt', { text: title }),
      element('dd', { class: 'value', text: value }),
      element('dd', { class: 'about', text: about }),
    ],
  });
}

export function section(
  title: string,
  count: number | undefined,
  children: readonly HTMLElement[],
): HTMLElement {
  const heading = element('h3', {
    children: [
      title,
      ...(count === undefined
        ? []
        : [' ', element('span', { class: 'count', text: count.toLocaleString('en') })]),
    ],
  });
  return element('section', { children: [heading, ...children] });
}

export interface PathRowOptions {
  /** What stands at its end, instead of its own size. */
  readonly amount?: string;
}

/** A path to go to. */
export function pathRow(
  page: PageContext,
  node: number,
  { amount }: PathRowOptions = {},
): HTMLElement {
  const { closure } = page.analysis;
  const size = closure.totalSize === 0 ? '' : formatBytes(closure.narSizes[node] ?? 0);
  const button = element('button', {
    attributes: { type: 'button', title: labelOf(closure, node) },
    children: [
      element('span', { class: `dot step-${page.steps[node]}` }),
      element('span', { class: 'name-text', text: closure.names[node] ?? '' }),
      element('span', { class: 'version', text: closure.versions[node] ?? '' }),
      element('span', { class: 'amount', text: amount ?? size }),
    ],
    onClick: () => {
      page.select(node);
    },
  });
  return element('li', { children: [button] });
}
