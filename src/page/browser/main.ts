/** Puts the page of a closure together. It was made by `ferry graph --format html`, and asks no network for anything. */
import { formatBytes } from '../../bytes/format-bytes.ts';
import { analyse } from '../model/analysis.ts';
import { closureOf, labelOf } from '../model/closure.ts';
import type { PageData } from '../model/page-data.ts';
import { chooser, element, iconButton, iconOf } from './elements.ts';
import { GraphView } from './graph-view.ts';
import { makeLegend } from './legend.ts';
import { ListView } from './list-view.ts';
import { PageContext, type View } from './page-context.ts';
import { StateHolder, type ViewName } from './page-state.ts';
import { Panel } from './panel.ts';
import { SearchBox } from './search-box.ts';
import { applyTheme, followSystemTheme, initialTheme, rememberTheme } from './theme.ts';
import { countOf } from './tooltip.ts';
import { TreemapView } from './treemap-view.ts';

const makers: Readonly<Record<ViewName, (page: PageContext) => View>> = {
  treemap: (page) => new TreemapView(page),
  graph: (page) => new GraphView(page),
  list: (page) => new ListView(page),
};

function start(): void {
  const data = JSON.parse(document.getElementById('closure')?.textContent ?? '') as PageData;
  const closure = closureOf(data);
  const theme = initialTheme();
  applyTheme(theme);
  const state = new StateHolder(
    {
      view: 'treemap',
      selected: undefined,
      query: '',
      colouring: 'referrers',
      grouping: 'package',
      theme,
    },
    closure.hashParts,
  );
  const page = new PageContext(analyse(closure), state);
  document.body.append(closure.count === 0 ? emptyPage(page) : fullPage(page));
  announce(page);
  followSystemTheme((theme) => {
    state.update({ theme });
  });
}

function fullPage(page: PageContext): HTMLElement {
  const stage = element('div', { class: 'views' });
  const tools = element('div', { class: 'tools' });
  const views = new Map<ViewName, View>();
  const choice = chooser<ViewName>(
    'View',
    [
      { value: 'treemap', label: 'Treemap' },
      { value: 'graph', label: 'Graph' },
      { value: 'list', label: 'List' },
    ],
    (view) => {
      page.state.update({ view });
    },
  );
  const viewNow = (): View | undefined => views.get(page.state.current.view);
  const showView = (): void => {
    const { view: name } = page.state.current;
    choice.show(name);
    let view = views.get(name);
    if (view === undefined) {
      view = makers[name](page);
      views.set(name, view);
      stage.append(view.element);
    }
    for (const [other, { element }] of views) element.hidden = other !== name;
    tools.replaceChildren(...view.toolbar);
    view.show();
  };
  const shell = element('div', {
    class: 'page',
    children: [
      headerOf(page, choice.element),
      element('main', {
        children: [
          element('div', { class: 'toolbar', children: [tools, makeLegend(page)] }),
          stage,
        ],
      }),
      new Panel(page).element,
    ],
  });
  page.state.subscribe((state, changes) => {
    if (changes.has('theme')) applyTheme(state.theme);
    if (changes.has('view')) showView();
    else viewNow()?.update(changes);
  });
  document.addEventListener('keydown', (event) => {
    const isTyping = event.target instanceof HTMLInputElement;
    if (event.key === 'Escape' && !isTyping) page.select(undefined);
  });
  // Views measure their room, so they come once they have some.
  queueMicrotask(() => {
    showView();
    markInteractive();
  });
  return shell;
}

function headerOf(page: PageContext, viewChoice: HTMLElement): HTMLElement {
  const { closure } = page.analysis;
  const size = closure.totalSize === 0 ? '' : `, ${formatBytes(closure.totalSize)}`;
  return element('header', {
    class: 'top',
    children: [
      element('div', {
        class: 'title',
        children: [
          element('h1', { text: closure.title, attributes: { title: closure.title } }),
          element('p', { text: `${countOf(closure.count, 'path')}${size}` }),
        ],
      }),
      viewChoice,
      new SearchBox(page).element,
      themeButton(page),
    ],
  });
}

function themeButton(page: PageContext): HTMLElement {
  const button = iconButton('', 'sun', () => {
    const theme = page.state.current.theme === 'dark' ? 'light' : 'dark';
    rememberTheme(theme);
    page.state.update({ theme });
  });
  button.classList.add('theme');
  const show = (): void => {
    const isDark = page.state.current.theme === 'dark';
    const name = isDark ? 'Light colours' : 'Dark colours';
    button.replaceChildren(iconOf(isDark ? 'sun' : 'moon'));
    button.setAttribute('aria-label', name);
    button.title = name;
  };
  show();
  page.state.subscribe((_, changes) => {
    if (changes.has('theme')) show();
  });
  return button;
}

function emptyPage(page: PageContext): HTMLElement {
  markInteractive();
  return element('main', {
    class: 'nothing',
    children: [
      element('h1', { text: page.analysis.closure.title }),
      element('p', { text: 'This closure is empty: there is nothing to draw.' }),
    ],
  });
}

/** What is selected is said to those who don't see it. */
function announce(page: PageContext): void {
  const { closure } = page.analysis;
  const status = element('div', { class: 'unseen', attributes: { role: 'status' } });
  document.body.append(status);
  page.state.subscribe(({ selected }, changes) => {
    if (!changes.has('selected')) return;
    status.textContent =
      selected === undefined
        ? 'Nothing selected'
        : `${labelOf(closure, selected)}, ${formatBytes(closure.narSizes[selected] ?? 0)}`;
  });
}

/** For those who measure: from the opening of the page until it is drawn and answers. */
function markInteractive(): void {
  requestAnimationFrame(() => {
    setTimeout(() => {
      performance.measure('ferry-interactive', { start: 0 });
    }, 0);
  });
}

start();
