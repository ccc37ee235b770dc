/** The closure as a whole: how much it is, and where to look first. */
import { formatBytes } from '../../bytes/format-bytes.ts';
import { element } from './elements.ts';
import type { PageContext } from './page-context.ts';
import { fact, pathRow, section } from './panel-parts.ts';
import { countOf } from './tooltip.ts';

const SHOWN = 8;

export function overviewOf(page: PageContext): HTMLElement {
  const { closure, distances, held } = page.analysis;
  const nodes = [...closure.names.keys()];
  const largest = nodes
    .toSorted((a, b) => (closure.narSizes[b] ?? 0) - (closure.narSizes[a] ?? 0))
    .slice(0, SHOWN);
  const roots = new Set(closure.roots);
  // What keeps nothing but itself stands in the other list.
  const keepers = nodes
    .filter((n) => !roots.has(n) && (held.counts[n] ?? 1) > 1)
    .sort((a, b) => (held.sizes[b] ?? 0) - (held.sizes[a] ?? 0))
    .slice(0, SHOWN);
  const deepest = distances.longest.reduce((most, length) => Math.max(most, length), 0);
  const packages = new Set(closure.names).size;
  const hasSizes = closure.totalSize > 0;
  return element('div', {
    class: 'overview',
    children: [
      element('header', { class: 'panel-head', children: [element('h2', { text: 'Closure' })] }),
      element('dl', {
        class: 'facts',
        children: [
          fact(
            'Size',
            hasSizes ? formatBytes(closure.totalSize) : '–',
            hasSizes ? 'of all NARs' : 'not known here',
          ),
          fact('Paths', closure.count.toLocaleString('en'), countOf(packages, 'package')),
          fact('Layers', (deepest + 1).toLocaleString('en'), 'of references'),
        ],
      }),
      section('Roots', closure.roots.length, [pathsOf(page, closure.roots.slice(0, SHOWN))]),
      ...(hasSizes ? [section('Largest', undefined, [pathsOf(page, largest)])] : []),
      ...(hasSizes && keepers.length > 0
        ? [
            section('Keep the most', undefined, [
              element('p', {
                class: 'hint',
                text: 'What would go with them if nothing referred to them any more.',
              }),
              element('ul', {
                class: 'paths',
                children: keepers.map((node) =>
                  pathRow(page, node, { amount: formatBytes(held.sizes[node] ?? 0) }),
                ),
              }),
            ]),
          ]
        : []),
    ],
  });
}

function pathsOf(page: PageContext, nodes: readonly number[]): HTMLElement {
  return element('ul', {
    class: 'paths',
    children: nodes.map((node) => pathRow(page, node)),
  });
}
