/** What every part of the page works with. */
import type { Analysis } from '../model/analysis.ts';
import { stepsOf } from '../model/colouring.ts';
import { find, type Found } from '../model/find.ts';
import type { Changes, PageState, StateHolder } from './page-state.ts';
import { readPalette, type Palette } from './theme.ts';

export interface View {
  readonly element: HTMLElement;
  /** What stands above it. */
  readonly toolbar: readonly HTMLElement[];
  /** It has become visible, with the state as it is. */
  show(): void;
  /** Called while it is visible. */
  update(changes: Changes): void;
}

export class PageContext {
  readonly analysis: Analysis;
  readonly state: StateHolder;
  #found: Found | undefined;
  #steps: Uint8Array;
  #palette: Palette | undefined;

  constructor(analysis: Analysis, state: StateHolder) {
    this.analysis = analysis;
    this.state = state;
    this.#steps = this.#computeSteps(state.current);
    state.subscribe((current, changes) => {
      if (changes.has('query')) this.#found = find(analysis.closure, current.query);
      if (changes.has('colouring')) this.#steps = this.#computeSteps(current);
      if (changes.has('theme')) this.#palette = undefined;
    });
  }

  /** What the query finds; undefined where there is none. */
  get found(): Found | undefined {
    return this.#found;
  }

  /** By number: the step on the scale of colours. */
  get steps(): Uint8Array {
    return this.#steps;
  }

  get palette(): Palette {
    this.#palette ??= readPalette();
    return this.#palette;
  }

  select(node: number | undefined, options: { readonly replace?: boolean } = {}): void {
    this.state.update({ selected: node }, options);
  }

  #computeSteps({ colouring }: PageState): Uint8Array {
    return stepsOf(this.analysis.closure, this.analysis.distances, colouring);
  }
}
