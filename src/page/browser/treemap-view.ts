/** The closure as a treemap: hover, select, step by arrow keys, go into a group and out again. */
import { degree, labelOf } from '../model/closure.ts';
import {
  cellAt,
  groupsAround,
  layoutTreemap,
  partsOf,
  tileBeside,
  type Cell,
  type Part,
} from '../model/treemap.ts';
import { chooser, element, named } from './elements.ts';
import type { PageContext, View } from './page-context.ts';
import type { Changes } from './page-state.ts';
import { wantsLessMotion } from './theme.ts';
import { countOf, describeSize, makeTooltip } from './tooltip.ts';
import { paintOutline, paintTreemap } from './treemap-painter.ts';
import { zoomBetween } from './treemap-zoom.ts';

const ARROWS: Readonly<Record<string, { readonly x: number; readonly y: number }>> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

export class TreemapView implements View {
  readonly element: HTMLElement;
  readonly toolbar: readonly HTMLElement[];
  readonly #page: PageContext;
  readonly #base = element('canvas', { attributes: { 'aria-hidden': 'true' } });
  readonly #marks: HTMLCanvasElement;
  readonly #tooltip = makeTooltip();
  readonly #crumbs = element('nav', { class: 'crumbs', attributes: { 'aria-label': 'Zoom' } });
  readonly #showGrouping: (value: 'package' | 'holder') => void;
  #top: Part;
  /** The groups that were gone into, the innermost last. */
  #within: Part[] = [];
  #cells: readonly Cell[] = [];
  #hovered: Cell | undefined;
  #stopZoom = (): void => {};
  #width = 0;
  #height = 0;

  constructor(page: PageContext) {
    this.#page = page;
    const { closure, held } = page.analysis;
    this.#top = partsOf(closure, held, page.state.current.grouping);
    this.#marks = element('canvas', {
      attributes: {
        tabindex: '0',
        role: 'application',
        'aria-roledescription': 'treemap',
        'aria-label':
          'Treemap of the closure by size. Arrow keys select, Enter goes into a group, Backspace out of it.',
      },
    });
    this.element = element('div', {
      class: 'view treemap',
      children: [this.#base, this.#marks, this.#tooltip.element],
    });
    const grouping = chooser(
      'Group by',
      [
        { value: 'package', label: 'Package' },
        { value: 'holder', label: 'What keeps it' },
      ],
      (value) => {
        page.state.update({ grouping: value });
      },
    );
    this.#showGrouping = grouping.show;
    this.toolbar = [named('Group by', grouping.element), this.#crumbs];
    this.#listen();
    new ResizeObserver(() => {
      if (this.element.offsetParent !== null) this.#layout();
    }).observe(this.element);
  }

  show(): void {
    this.#showGrouping(this.#page.state.current.grouping);
    this.#showCrumbs();
    this.#layout();
  }

  update(changes: Changes): void {
    if (changes.has('grouping')) {
      const { closure, held } = this.#page.analysis;
      const { grouping } = this.#page.state.current;
      this.#top = partsOf(closure, held, grouping);
      this.#within = [];
      this.show();
      return;
    }
    if (changes.has('selected')) this.#bringSelectedIntoView();
    if (changes.has('query') || changes.has('colouring') || changes.has('theme')) this.#paint();
    this.#paintMarks();
  }

  get #part(): Part {
    return this.#within.at(-1) ?? this.#top;
  }

  #listen(): void {
    const marks = this.#marks;
    const at = (event: MouseEvent): Cell | undefined =>
      cellAt(this.#cells, event.offsetX, event.offsetY);
    marks.addEventListener('pointermove', (event) => {
      this.#hover(event.pointerType === 'touch' ? undefined : at(event), event);
    });
    marks.addEventListener('pointerleave', (event) => {
      this.#hover(undefined, event);
    });
    marks.addEventListener('click', (event) => {
      const cell = at(event);
      if (cell === undefined) return;
      if (cell.isGroup) this.#goInto([...this.#within, ...this.#pathTo(cell.part)]);
      else this.#page.select(cell.part.node);
    });
    marks.addEventListener('dblclick', (event) => {
      const node = at(event)?.part.node;
      if (node !== undefined) this.#goInto(groupsAround(this.#top, node));
    });
    marks.addEventListener('keydown', (event) => {
      if (this.#press(event.key)) event.preventDefault();
    });
  }

  #press(key: string): boolean {
    const { selected } = this.#page.state.current;
    const direction = ARROWS[key];
    const tile = this.#cells.find(({ isGroup, part }) => !isGroup && part.node === selected);
    if (direction !== undefined) {
      const next =
        tile === undefined
          ? this.#cells.find(({ isGroup }) => !isGroup)
          : tileBeside(this.#cells, tile, direction);
      if (next !== undefined) this.#page.select(next.part.node, { replace: true });
      return true;
    }
    if (key === 'Enter' && selected !== undefined) {
      const groups = groupsAround(this.#top, selected);
      this.#goInto(groups.slice(0, this.#within.length + 1));
      return true;
    }
    if (key === 'Backspace' && this.#within.length > 0) {
      this.#goInto(this.#within.slice(0, -1));
      return true;
    }
    return false;
  }

  /** The groups from the one that is shown to a group within it. */
  #pathTo(group: Part): Part[] {
    const first = group.parts.find(({ parts }) => parts.length === 0)?.node;
    if (first === undefined) return [group];
    const groups = groupsAround(this.#part, first);
    return groups.slice(0, groups.indexOf(group) + 1);
  }

  #goInto(groups: readonly Part[]): void {
    const before = this.#within;
    if (groups.at(-1) === before.at(-1)) return;
    this.#stopZoom();
    const isInwards = groups.length > before.length;
    const old = this.#cells;
    const picture = wantsLessMotion() ? undefined : copyOf(this.#base);
    this.#within = [...groups];
    this.#showCrumbs();
    this.#layout();
    const inner = isInwards ? groups.at(-1) : before.at(-1);
    const frame = (isInwards ? old : this.#cells).find(({ part }) => part === inner);
    if (picture === undefined || frame === undefined) return;
    const now = copyOf(this.#base);
    const [outside, inside] = isInwards ? [picture, now] : [now, picture];
    this.#stopZoom = zoomBetween({ canvas: this.#base, outside, inside, frame, isInwards }, () => {
      this.#paint();
    });
  }

  #bringSelectedIntoView(): void {
    const { selected } = this.#page.state.current;
    if (selected === undefined || this.#within.length === 0) return;
    if (this.#cells.some(({ part, isGroup }) => !isGroup && part.node === selected)) return;
    this.#goInto([]);
  }

  #showCrumbs(): void {
    const all = [this.#top, ...this.#within];
    const buttons = all.map((part, depth) =>
      element('button', {
        text: depth === 0 ? 'All' : part.label,
        attributes: {
          type: 'button',
          ...(depth === all.length - 1 ? { 'aria-current': 'true' } : {}),
        },
        onClick: () => {
          this.#goInto(this.#within.slice(0, depth));
        },
      }),
    );
    this.#crumbs.hidden = this.#within.length === 0;
    this.#crumbs.replaceChildren(...buttons);
  }

  #layout(): void {
    this.#stopZoom();
    const { clientWidth: width, clientHeight: height } = this.element;
    this.#width = width;
    this.#height = height;
    for (const canvas of [this.#base, this.#marks]) {
      canvas.width = Math.round(width * devicePixelRatio);
      canvas.height = Math.round(height * devicePixelRatio);
    }
    this.#hovered = undefined;
    this.#tooltip.hide();
    this.#cells = layoutTreemap(this.#part, this.#page.analysis.closure, { width, height });
    this.#paint();
    this.#paintMarks();
  }

  #paint(): void {
    const context = this.#scaled(this.#base);
    const { analysis, palette, steps, found } = this.#page;
    if (context === undefined) return;
    paintTreemap(context, {
      cells: this.#cells,
      palette,
      steps,
      isFound: found?.isFound,
      hasSizes: analysis.closure.totalSize > 0,
    });
  }

  #paintMarks(): void {
    const context = this.#scaled(this.#marks);
    if (context === undefined) return;
    context.clearRect(0, 0, this.#width, this.#height);
    const { selected } = this.#page.state.current;
    const { text, ground } = this.#page.palette;
    const colours = { line: text, around: ground };
    const tile = this.#cells.find(({ isGroup, part }) => !isGroup && part.node === selected);
    if (this.#hovered !== undefined) paintOutline(context, this.#hovered, colours, 1.25);
    if (selected !== undefined && tile !== undefined) paintOutline(context, tile, colours, 2.5);
  }

  #scaled(canvas: HTMLCanvasElement): CanvasRenderingContext2D | undefined {
    const context = canvas.getContext('2d') ?? undefined;
    context?.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    return context;
  }

  #hover(cell: Cell | undefined, event: MouseEvent): void {
    if (cell === undefined) this.#tooltip.hide();
    else this.#tooltip.show(this.#tipOf(cell), event.offsetX, event.offsetY);
    this.#marks.style.cursor = cell === undefined ? '' : cell.isGroup ? 'zoom-in' : 'pointer';
    if (cell === this.#hovered) return;
    this.#hovered = cell;
    this.#paintMarks();
  }

  #tipOf({ part, isGroup, value }: Cell): { title: string; lines: string[] } {
    const { closure } = this.#page.analysis;
    const size = describeSize(value, closure.totalSize);
    if (isGroup) return { title: part.label, lines: [size, 'click to look inside'] };
    const node = part.node ?? 0;
    const referrers = countOf(degree(closure.referrers, node), 'referrer');
    return { title: labelOf(closure, node), lines: [size, referrers] };
  }
}

function copyOf(canvas: HTMLCanvasElement): HTMLCanvasElement {
  const copy = element('canvas');
  copy.width = canvas.width;
  copy.height = canvas.height;
  copy.getContext('2d')?.drawImage(canvas, 0, 0);
  return copy;
}
