/** The closure as a table, sorted by any column. Only the rows in sight exist: thousands scroll as well as ten. */
import { formatBytes } from '../../bytes/format-bytes.ts';
import { degree } from '../model/closure.ts';
import { element } from './elements.ts';
import type { PageContext, View } from './page-context.ts';
import type { Changes } from './page-state.ts';
import { countOf } from './tooltip.ts';

type ColumnName = 'name' | 'size' | 'closure' | 'held' | 'referrers';

interface Column {
  readonly name: ColumnName;
  readonly title: string;
  readonly tip: string;
  /** Sorted so when it is clicked first. */
  readonly first: 'ascending' | 'descending';
}

const COLUMNS: readonly Column[] = [
  { name: 'name', title: 'Name', tip: 'What follows the hash part', first: 'ascending' },
  { name: 'size', title: 'Size', tip: 'Bytes of its NAR', first: 'descending' },
  {
    name: 'closure',
    title: 'Closure',
    tip: 'With all that it refers to, each counted once',
    first: 'descending',
  },
  {
    name: 'held',
    title: 'Keeps',
    tip: 'What would go if nothing referred to it any more, itself included',
    first: 'descending',
  },
  { name: 'referrers', title: 'Referrers', tip: 'Paths that refer to it', first: 'descending' },
];
const ROW_HEIGHT = 36;
/** Rows made beyond what is in sight, on each side. */
const OVERSCAN = 8;

export class ListView implements View {
  readonly element: HTMLElement;
  readonly toolbar: readonly HTMLElement[];
  readonly #page: PageContext;
  readonly #headers = new Map<ColumnName, HTMLElement>();
  readonly #body = element('div', { class: 'rows', attributes: { role: 'rowgroup' } });
  readonly #scroll: HTMLElement;
  readonly #note = element('p', { class: 'note', attributes: { 'aria-live': 'polite' } });
  readonly #largest: number;
  #column: ColumnName = 'size';
  #isAscending = false;
  #rows: readonly number[] = [];

  constructor(page: PageContext) {
    this.#page = page;
    this.#largest = page.analysis.closure.narSizes.reduce((most, size) => Math.max(most, size), 1);
    const head = element('div', {
      class: 'row head',
      attributes: { role: 'row' },
      children: COLUMNS.map((column) => this.#headerOf(column)),
    });
    this.#scroll = element('div', {
      class: 'scroll',
      attributes: { tabindex: '0', role: 'grid', 'aria-label': 'Paths of the closure' },
      children: [
        element('div', { class: 'head-group', attributes: { role: 'rowgroup' }, children: [head] }),
        this.#body,
      ],
    });
    this.element = element('div', { class: 'view list', children: [this.#scroll] });
    this.toolbar = [this.#note];
    this.#scroll.addEventListener('scroll', () => {
      this.#render();
    });
    this.#scroll.addEventListener('keydown', (event) => {
      if (event.target === this.#scroll && this.#press(event.key)) event.preventDefault();
    });
    this.#body.addEventListener('click', (event) => {
      const row = event.target instanceof Element ? event.target.closest('.row') : null;
      if (row instanceof HTMLElement) page.select(Number(row.dataset['node']));
    });
    new ResizeObserver(() => {
      this.#render();
    }).observe(this.#scroll);
  }

  show(): void {
    this.#sort();
    this.#reveal();
  }

  update(changes: Changes): void {
    if (changes.has('query')) {
      this.#sort();
      this.#scroll.scrollTop = 0;
    }
    // When a search is over the selected row is no longer where it was.
    const isOver = changes.has('query') && this.#page.found === undefined;
    if (changes.has('selected') || isOver) this.#reveal();
    this.#render();
  }

  #headerOf({ name, title, tip, first }: Column): HTMLElement {
    const header = element('div', {
      class: `cell ${name}`,
      attributes: { role: 'columnheader' },
      children: [
        element('button', {
          text: title,
          attributes: { type: 'button', title: tip },
          onClick: () => {
            this.#isAscending = this.#column === name ? !this.#isAscending : first === 'ascending';
            this.#column = name;
            this.#sort();
            this.#scroll.scrollTop = 0;
            this.#render();
          },
        }),
      ],
    });
    this.#headers.set(name, header);
    return header;
  }

  #sort(): void {
    const { closure, held } = this.#page.analysis;
    const { found } = this.#page;
    const rows = found === undefined ? [...closure.names.keys()] : [...found.nodes];
    const by: Record<ColumnName, (a: number, b: number) => number> = {
      name: (a, b) => compare(closure.names[a], closure.names[b]),
      size: (a, b) => (closure.narSizes[a] ?? 0) - (closure.narSizes[b] ?? 0),
      closure: (a, b) => (closure.closureSizes[a] ?? 0) - (closure.closureSizes[b] ?? 0),
      held: (a, b) => (held.sizes[a] ?? 0) - (held.sizes[b] ?? 0),
      referrers: (a, b) => degree(closure.referrers, a) - degree(closure.referrers, b),
    };
    const order = by[this.#column];
    const sign = this.#isAscending ? 1 : -1;
    rows.sort(
      (a, b) => sign * order(a, b) || compare(closure.versions[a], closure.versions[b]) || a - b,
    );
    this.#rows = rows;
    for (const [name, header] of this.#headers) {
      if (name === this.#column) {
        header.setAttribute('aria-sort', this.#isAscending ? 'ascending' : 'descending');
      } else header.removeAttribute('aria-sort');
    }
    this.#scroll.setAttribute('aria-rowcount', String(rows.length + 1));
    this.#body.style.height = `${rows.length * ROW_HEIGHT}px`;
    this.#note.textContent =
      found === undefined
        ? countOf(closure.count, 'path')
        : `${rows.length.toLocaleString('en')} of ${countOf(closure.count, 'path')}`;
  }

  #render(): void {
    const { scrollTop, clientHeight } = this.#scroll;
    const from = Math.max(Math.floor(scrollTop / ROW_HEIGHT) - OVERSCAN, 0);
    const to = Math.min(
      Math.ceil((scrollTop + clientHeight) / ROW_HEIGHT) + OVERSCAN,
      this.#rows.length,
    );
    const made: HTMLElement[] = [];
    for (let i = from; i < to; i++) made.push(this.#rowOf(i, this.#rows[i] ?? 0));
    if (this.#rows.length === 0) {
      made.push(element('p', { class: 'empty', text: 'No path has that in its name.' }));
    }
    this.#body.replaceChildren(...made);
    const { selected } = this.#page.state.current;
    const isInSight = selected !== undefined && made.some((row) => row.id === `row-${selected}`);
    if (isInSight) this.#scroll.setAttribute('aria-activedescendant', `row-${selected}`);
    else this.#scroll.removeAttribute('aria-activedescendant');
  }

  #rowOf(index: number, node: number): HTMLElement {
    const { analysis, steps, state } = this.#page;
    const { closure, held } = analysis;
    const size = closure.narSizes[node] ?? 0;
    const bar = element('span', { class: `bar step-${steps[node]}` });
    bar.style.width = `${(size / this.#largest) * 100}%`;
    const sizes = (bytes: number): string => (closure.totalSize === 0 ? '–' : formatBytes(bytes));
    const row = element('div', {
      class: 'row',
      attributes: {
        id: `row-${node}`,
        role: 'row',
        'data-node': String(node),
        'aria-rowindex': String(index + 2),
        'aria-selected': String(state.current.selected === node),
      },
      children: [
        cell('name', [
          element('span', { class: `dot step-${steps[node]}` }),
          element('span', { class: 'name-text', text: closure.names[node] ?? '' }),
          element('span', { class: 'version', text: closure.versions[node] ?? '' }),
        ]),
        cell('size', [
          element('span', { class: 'track', children: [bar] }),
          element('span', { class: 'amount', text: sizes(size) }),
        ]),
        cell('closure', [sizes(closure.closureSizes[node] ?? 0)]),
        cell('held', [sizes(held.sizes[node] ?? 0)]),
        cell('referrers', [degree(closure.referrers, node).toLocaleString('en')]),
      ],
    });
    row.style.transform = `translateY(${index * ROW_HEIGHT}px)`;
    return row;
  }

  #press(key: string): boolean {
    const { selected } = this.#page.state.current;
    const at = selected === undefined ? -1 : this.#rows.indexOf(selected);
    const page = Math.max(Math.floor(this.#scroll.clientHeight / ROW_HEIGHT) - 2, 1);
    const last = this.#rows.length - 1;
    const targets: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: last,
    };
    const target = targets[key];
    if (target === undefined || last < 0) return false;
    this.#page.select(this.#rows[Math.min(Math.max(target, 0), last)], { replace: true });
    return true;
  }

  /** Scrolls no further than needed for the selected row to be seen. */
  #reveal(): void {
    const { selected } = this.#page.state.current;
    const at = selected === undefined ? -1 : this.#rows.indexOf(selected);
    if (at >= 0) {
      const top = at * ROW_HEIGHT;
      const { scrollTop, clientHeight } = this.#scroll;
      // The head of the table covers one row.
      const room = clientHeight - ROW_HEIGHT;
      if (top < scrollTop) this.#scroll.scrollTop = top;
      else if (top + ROW_HEIGHT > scrollTop + room)
        this.#scroll.scrollTop = top + ROW_HEIGHT - room;
    }
    this.#render();
  }
}

function cell(name: ColumnName, children: readonly (Node | string)[]): HTMLElement {
  return element('div', { class: `cell ${name}`, attributes: { role: 'gridcell' }, children });
}

function compare(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
