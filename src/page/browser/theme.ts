/** Light and dark: which it is, and the stylesheet's colours for what is drawn on canvases. */
import type { Theme } from './page-state.ts';

/** Every colour is `#rrggbb`. */
export interface Palette {
  readonly ground: string;
  readonly group: string;
  readonly text: string;
  readonly muted: string;
  readonly edge: string;
  readonly referenceEdge: string;
  readonly referrerEdge: string;
  /** By step of the colouring, see `model/colouring.ts`. */
  readonly steps: readonly string[];
  /** What is written on those. */
  readonly inks: readonly string[];
  readonly font: string;
}

const STEPS = [0, 1, 2, 3, 4, 5];
const KEY = 'ferry-page-theme';

export function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const value = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    ground: value('ground'),
    group: value('group'),
    text: value('text'),
    muted: value('muted'),
    edge: value('edge'),
    referenceEdge: value('reference'),
    referrerEdge: value('referrer'),
    steps: STEPS.map((step) => value(`step-${step}`)),
    inks: STEPS.map((step) => value(`ink-${step}`)),
    font: style.fontFamily,
  };
}

/** As chosen before, else as the system has it. */
export function initialTheme(): Theme {
  return (
    rememberedTheme() ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')
  );
}

/** Calls back when the system changes its mind, unless someone chose here. */
export function followSystemTheme(onChange: (theme: Theme) => void): void {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', ({ matches }) => {
    if (rememberedTheme() === undefined) onChange(matches ? 'dark' : 'light');
  });
}

export function applyTheme(theme: Theme): void {
  document.documentElement.dataset['theme'] = theme;
}

/** Browsers may keep nothing for a page that is a file: then it is chosen anew each time. */
export function rememberTheme(theme: Theme): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // It holds while the page is open.
  }
}

function rememberedTheme(): Theme | undefined {
  try {
    const theme = localStorage.getItem(KEY);
    return theme === 'light' || theme === 'dark' ? theme : undefined;
  } catch {
    return undefined;
  }
}

/** Between two colours: 0 is the first, 1 the second. */
export function mix(one: string, other: string, share: number): string {
  const [a, b] = [channelsOf(one), channelsOf(other)];
  const mixed = a.map((value, i) => Math.round(value + ((b[i] ?? 0) - value) * share));
  return `#${mixed.map((value) => value.toString(16).padStart(2, '0')).join('')}`;
}

function channelsOf(colour: string): number[] {
  return [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
}

export function wantsLessMotion(): boolean {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}
