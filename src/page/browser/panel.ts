/** What is known of the selected path, beside the picture; of the closure as a whole while none is. */
import { formatBytes } from '../../bytes/format-bytes.ts';
import { labelOf, neighbours, pathOf } from '../model/closure.ts';
import { chainTo } from '../model/distances.ts';
import { element, iconButton, iconOf } from './elements.ts';
import type { PageContext } from './page-context.ts';
import { fact, pathRow, section } from './panel-parts.ts';
import { overviewOf } from './panel-overview.ts';
import { countOf, formatShare } from './tooltip.ts';

/** Of long lists that much is shown first. */
const ROWS_FIRST = 12;
const COPIED_MS = 1_600;

export class Panel {
  readonly element: HTMLElement;
  readonly #page: PageContext;
  readonly #overview: HTMLElement;

  constructor(page: PageContext) {
    this.#page = page;
    this.#overview = overviewOf(page);
    this.element = element('aside', { class: 'panel', attributes: { 'aria-label': 'Details' } });
    this.#show();
    page.state.subscribe((_, changes) => {
      if (changes.has('selected') || changes.has('colouring')) this.#show();
    });
  }

  #show(): void {
    const { selected } = this.#page.state.current;
    this.element.classList.toggle('has-selection', selected !== undefined);
    this.element.replaceChildren(
      ...(selected === undefined ? [this.#overview] : this.#detailsOf(selected)),
    );
    this.element.scrollTop = 0;
  }

  #detailsOf(node: number): HTMLElement[] {
    const { closure, distances, held } = this.#page.analysis;
    const size = closure.narSizes[node] ?? 0;
    const hasSizes = closure.totalSize > 0;
    const chain = chainTo(distances, node);
    const keeps = (held.counts[node] ?? 1) - 1;
    const holder = held.holders[node] ?? -1;
    const version = closure.versions[node] ?? '';
    const facts = hasSizes
      ? [
          fact('Size', formatBytes(size), formatShare(size / closure.totalSize)),
          fact(
            'Closure',
            formatBytes(closure.closureSizes[node] ?? 0),
            formatShare((closure.closureSizes[node] ?? 0) / closure.totalSize),
          ),
          fact(
            'Keeps',
            formatBytes(held.sizes[node] ?? 0),
            keeps === 0 ? 'itself alone' : `with ${countOf(keeps, 'other')}`,
          ),
        ]
      : [];
    return [
      element('header', {
        class: 'panel-head',
        children: [
          element('span', { class: `dot large step-${this.#page.steps[node]}` }),
          element('h2', {
            children: [
              closure.names[node] ?? '',
              ...(version === ''
                ? []
                : [' ', element('span', { class: 'version', text: version })]),
            ],
          }),
          iconButton('Close', 'close', () => {
            this.#page.select(undefined);
          }),
        ],
      }),
      this.#pathLine(node),
      element('dl', { class: 'facts', children: facts }),
      section('Why it is here', undefined, [
        this.#chain(chain),
        // Of roots it goes without saying.
        ...(holder < 0 || closure.roots.includes(holder)
          ? []
          : [
              element('p', {
                class: 'hint',
                text: `Every way to it leads through ${labelOf(closure, holder)}`,
              }),
            ]),
      ]),
      this.#neighbours('References', 'It refers to nothing else.', [
        ...neighbours(closure.references, node),
      ]),
      this.#neighbours('Referrers', 'Nothing in this closure refers to it.', [
        ...neighbours(closure.referrers, node),
      ]),
    ];
  }

  #pathLine(node: number): HTMLElement {
    const path = pathOf(this.#page.analysis.closure, node);
    const said = element('span', { class: 'said', attributes: { role: 'status' } });
    const copy = async (): Promise<void> => {
      const isCopied = await copyText(path);
      said.textContent = isCopied ? 'Copied' : 'Select the path to copy it';
      button.replaceChildren(iconOf(isCopied ? 'check' : 'copy'));
      setTimeout(() => {
        said.textContent = '';
        button.replaceChildren(iconOf('copy'));
      }, COPIED_MS);
    };
    const button = iconButton('Copy the path', 'copy', () => void copy());
    return element('div', {
      class: 'path-line',
      children: [element('code', { text: path }), button, said],
    });
  }

  #chain(chain: readonly number[]): HTMLElement {
    const { closure } = this.#page.analysis;
    const last = chain.length - 1;
    return element('ol', {
      class: 'chain',
      children: chain.map((node, i) =>
        element('li', {
          children:
            i === last
              ? [
                  element('span', {
                    class: 'here',
                    text:
                      last === 0
                        ? 'It was asked for: a root of this closure'
                        : labelOf(closure, node),
                  }),
                ]
              : [
                  element('button', {
                    class: 'link',
                    text: labelOf(closure, node),
                    attributes: { type: 'button' },
                    onClick: () => {
                      this.#page.select(node);
                    },
                  }),
                ],
        }),
      ),
    });
  }

  #neighbours(title: string, none: string, nodes: number[]): HTMLElement {
    const { narSizes } = this.#page.analysis.closure;
    nodes.sort((a, b) => (narSizes[b] ?? 0) - (narSizes[a] ?? 0));
    if (nodes.length === 0) return section(title, 0, [element('p', { class: 'hint', text: none })]);
    const list = element('ul', { class: 'paths' });
    const add = (from: number, to: number): void => {
      list.append(...nodes.slice(from, to).map((node) => pathRow(this.#page, node)));
    };
    // One more than the first few is shown rather than announced.
    const first = nodes.length <= ROWS_FIRST + 1 ? nodes.length : ROWS_FIRST;
    add(0, first);
    if (first === nodes.length) return section(title, nodes.length, [list]);
    const more = element('button', {
      class: 'more',
      text: `Show all ${nodes.length.toLocaleString('en')}`,
      attributes: { type: 'button' },
      onClick: () => {
        add(first, nodes.length);
        more.remove();
      },
    });
    return section(title, nodes.length, [list, more]);
  }
}

/** A browser may refuse; then the person selects it by hand. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
