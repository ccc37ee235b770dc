/** What is said of the path under the pointer. */
import { formatBytes } from '../../bytes/format-bytes.ts';
import { element } from './elements.ts';

export interface Tip {
  readonly title: string;
  readonly lines: readonly string[];
}

export interface Tooltip {
  readonly element: HTMLElement;
  /** At a place within the element that it is a child of. */
  show(tip: Tip, x: number, y: number): void;
  hide(): void;
}

const DISTANCE = 14;

export function makeTooltip(): Tooltip {
  const title = element('div', { class: 'tooltip-title' });
  const lines = element('div', { class: 'tooltip-lines' });
  // Those who can't see it hear the same of the selection.
  const box = element('div', {
    class: 'tooltip',
    attributes: { 'aria-hidden': 'true', hidden: '' },
    children: [title, lines],
  });
  return {
    element: box,
    show: (tip, x, y) => {
      title.textContent = tip.title;
      lines.replaceChildren(...tip.lines.map((text) => element('div', { text })));
      box.hidden = false;
      const around = box.parentElement;
      if (around === null) return;
      const right = x + DISTANCE + box.offsetWidth;
      const bottom = y + DISTANCE + box.offsetHeight;
      const left = right > around.clientWidth ? x - DISTANCE - box.offsetWidth : x + DISTANCE;
      const top = bottom > around.clientHeight ? y - DISTANCE - box.offsetHeight : y + DISTANCE;
      box.style.transform = `translate(${Math.max(left, 4)}px, ${Math.max(top, 4)}px)`;
    },
    hide: () => {
      box.hidden = true;
    },
  };
}

/** `12.3 MiB, 4.5 %`; where sizes aren't known it says so. */
export function describeSize(bytes: number, total: number): string {
  if (total === 0) return 'size unknown';
  return `${formatBytes(bytes)}, ${formatShare(bytes / total)}`;
}

export function formatShare(share: number): string {
  if (share > 0 && share < 0.001) return '< 0.1 %';
  return `${(share * 100).toFixed(share >= 0.0995 ? 0 : 1)} %`;
}

/** `1 path`, `1,234 paths`. */
export function countOf(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}
