/** The field to search in, with the best of what it finds below it. `/` goes there, Escape out of it. */
import { formatBytes } from '../../bytes/format-bytes.ts';
import { element, iconButton, iconOf } from './elements.ts';
import type { PageContext } from './page-context.ts';

const SHOWN_MAX = 40;

export class SearchBox {
  readonly element: HTMLElement;
  readonly #page: PageContext;
  readonly #input: HTMLInputElement;
  readonly #list: HTMLElement;
  readonly #clear: HTMLButtonElement;
  readonly #key = element('kbd', { text: '/', attributes: { 'aria-hidden': 'true' } });
  #shown: readonly number[] = [];
  #active = -1;

  constructor(page: PageContext) {
    this.#page = page;
    this.#input = element('input', {
      attributes: {
        type: 'text',
        role: 'combobox',
        placeholder: 'Search paths',
        'aria-label': 'Search paths by name, version or hash part',
        'aria-controls': 'found',
        'aria-expanded': 'false',
        'aria-autocomplete': 'list',
        autocomplete: 'off',
        autocapitalize: 'off',
        spellcheck: 'false',
      },
    });
    this.#list = element('div', {
      class: 'found',
      attributes: { id: 'found', role: 'listbox', 'aria-label': 'Paths found', hidden: '' },
    });
    this.#clear = iconButton('Clear the search', 'close', () => {
      this.#empty();
      this.#input.focus();
    });
    this.#clear.hidden = true;
    this.element = element('div', {
      class: 'search',
      attributes: { role: 'search' },
      children: [iconOf('search'), this.#input, this.#key, this.#clear, this.#list],
    });
    this.#listen();
  }

  #listen(): void {
    const input = this.#input;
    input.addEventListener('input', () => {
      this.#page.state.update({ query: input.value });
      this.#open();
    });
    input.addEventListener('focus', () => {
      this.#open();
    });
    input.addEventListener('blur', () => {
      this.#close();
    });
    input.addEventListener('keydown', (event) => {
      if (this.#press(event.key)) event.preventDefault();
    });
    // Else the field would lose the focus, and the list be gone, before the click arrives.
    this.#list.addEventListener('pointerdown', (event) => {
      event.preventDefault();
    });
    document.addEventListener('keydown', (event) => {
      const isTyping = event.target instanceof HTMLInputElement;
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      input.focus();
      input.select();
    });
  }

  #press(key: string): boolean {
    if (key === 'Escape') {
      if (this.#input.value === '') this.#input.blur();
      else this.#empty();
      return true;
    }
    if (key === 'Enter') {
      const node = this.#shown[Math.max(this.#active, 0)];
      if (node !== undefined) this.#choose(node);
      return true;
    }
    if (key !== 'ArrowDown' && key !== 'ArrowUp') return false;
    const count = this.#shown.length;
    if (count > 0) this.#activate((this.#active + (key === 'ArrowDown' ? 1 : -1) + count) % count);
    return true;
  }

  #choose(node: number): void {
    this.#page.select(node);
    this.#empty();
    // Keys go on from there.
    document.querySelector<HTMLElement>('.view:not([hidden]) [tabindex]')?.focus();
  }

  #empty(): void {
    this.#input.value = '';
    this.#page.state.update({ query: '' });
    this.#open();
  }

  #open(): void {
    const { closure } = this.#page.analysis;
    const { found } = this.#page;
    const hasQuery = this.#input.value !== '';
    this.#clear.hidden = !hasQuery;
    this.#key.hidden = hasQuery;
    this.#shown = found?.nodes.slice(0, SHOWN_MAX) ?? [];
    this.#active = -1;
    this.#input.removeAttribute('aria-activedescendant');
    if (found === undefined) {
      this.#close();
      return;
    }
    const options = this.#shown.map((node, i) =>
      element('div', {
        class: 'option',
        attributes: { role: 'option', id: `found-${i}`, 'aria-selected': 'false' },
        children: [
          element('span', { class: `dot step-${this.#page.steps[node]}` }),
          marked(closure.names[node] ?? '', this.#input.value),
          element('span', { class: 'version', text: closure.versions[node] ?? '' }),
          element('span', {
            class: 'amount',
            text: closure.totalSize === 0 ? '' : formatBytes(closure.narSizes[node] ?? 0),
          }),
        ],
        onClick: () => {
          this.#choose(node);
        },
      }),
    );
    const rest = found.nodes.length - this.#shown.length;
    const said =
      found.nodes.length === 0
        ? 'No path has that in its name'
        : rest > 0
          ? `and ${rest.toLocaleString('en')} more`
          : undefined;
    this.#list.replaceChildren(
      ...options,
      ...(said === undefined ? [] : [element('p', { class: 'more', text: said })]),
    );
    this.#list.scrollTop = 0;
    this.#list.hidden = false;
    this.#input.setAttribute('aria-expanded', 'true');
  }

  #close(): void {
    this.#list.hidden = true;
    this.#input.setAttribute('aria-expanded', 'false');
  }

  #activate(index: number): void {
    if (this.#list.hidden) this.#list.hidden = false;
    for (const [i, option] of [...this.#list.querySelectorAll('.option')].entries()) {
      option.setAttribute('aria-selected', String(i === index));
      if (i === index) option.scrollIntoView({ block: 'nearest' });
    }
    this.#active = index;
    this.#input.setAttribute('aria-activedescendant', `found-${index}`);
  }
}

/** A name with what was typed brought out. */
function marked(name: string, query: string): HTMLElement {
  const word = query.trim().split(/\s+/)[0]?.toLowerCase() ?? '';
  const at = word === '' ? -1 : name.toLowerCase().indexOf(word);
  if (at < 0) return element('span', { class: 'name-text', text: name });
  const end = at + word.length;
  return element('span', {
    class: 'name-text',
    children: [name.slice(0, at), element('mark', { text: name.slice(at, end) }), name.slice(end)],
  });
}
