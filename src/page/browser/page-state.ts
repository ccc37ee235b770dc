/**
 * What the page shows at the moment: one value, changed in one place, told to all who draw. The address keeps what a
 * link to the page should bring back; the browser's own buttons go through what was selected.
 */
import type { Colouring } from '../model/colouring.ts';
import type { Grouping } from '../model/treemap.ts';

export type ViewName = 'treemap' | 'graph' | 'list';
export const viewNames: readonly ViewName[] = ['treemap', 'graph', 'list'];
export type Theme = 'light' | 'dark';

export interface PageState {
  readonly view: ViewName;
  readonly selected: number | undefined;
  readonly query: string;
  readonly colouring: Colouring;
  readonly grouping: Grouping;
  readonly theme: Theme;
}

export type Changes = ReadonlySet<keyof PageState>;

export interface UpdateOptions {
  /** No new entry in the browser's history, as for steps by keys. */
  readonly replace?: boolean;
}

export class StateHolder {
  #state: PageState;
  readonly #listeners: ((state: PageState, changes: Changes) => void)[] = [];
  readonly #hashParts: readonly string[];

  constructor(initial: PageState, hashParts: readonly string[]) {
    this.#hashParts = hashParts;
    this.#state = { ...initial, ...this.#inAddress() };
    window.addEventListener('popstate', () => {
      this.#apply({ selected: undefined, ...this.#inAddress() });
    });
  }

  get current(): PageState {
    return this.#state;
  }

  /** Called after each change with what is new. */
  subscribe(listener: (state: PageState, changes: Changes) => void): void {
    this.#listeners.push(listener);
  }

  update(patch: Partial<PageState>, options: UpdateOptions = {}): void {
    const before = this.#address();
    if (!this.#apply(patch)) return;
    const after = this.#address();
    if (after === before) return;
    if (options.replace === true) history.replaceState(null, '', after);
    else history.pushState(null, '', after);
  }

  #apply(patch: Partial<PageState>): boolean {
    const before = this.#state;
    const after = { ...before, ...patch };
    const changes = new Set<keyof PageState>();
    for (const key of Object.keys(after) as (keyof PageState)[]) {
      if (after[key] !== before[key]) changes.add(key);
    }
    if (changes.size === 0) return false;
    this.#state = after;
    for (const listener of this.#listeners) listener(after, changes);
    return true;
  }

  #address(): string {
    const { view, selected } = this.#state;
    const hashPart = selected === undefined ? undefined : this.#hashParts[selected];
    return hashPart === undefined ? `#${view}` : `#${view}/${hashPart}`;
  }

  #inAddress(): Partial<PageState> {
    const [view = '', hashPart = ''] = location.hash.slice(1).split('/');
    const selected = hashPart === '' ? -1 : this.#hashParts.indexOf(hashPart);
    const known = viewNames.find((name) => name === view);
    return {
      ...(known === undefined ? {} : { view: known }),
      ...(selected < 0 ? {} : { selected }),
    };
  }
}
