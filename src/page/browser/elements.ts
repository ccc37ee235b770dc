/**
 * Elements of the page. Text goes in as text and never as markup: names of paths come from stores that nobody vouches
 * for.
 */

export interface ElementOptions {
  readonly class?: string;
  readonly text?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly children?: readonly (Node | string)[];
  readonly onClick?: (event: MouseEvent) => void;
}

export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  options: ElementOptions = {},
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  if (options.class !== undefined) made.className = options.class;
  if (options.text !== undefined) made.textContent = options.text;
  for (const [key, value] of Object.entries(options.attributes ?? {}))
    made.setAttribute(key, value);
  if (options.children !== undefined) made.append(...options.children);
  const { onClick } = options;
  if (onClick !== undefined) {
    made.addEventListener('click', (event) => {
      onClick(event as MouseEvent);
    });
  }
  return made;
}

/** A button that shows an icon; the name is for those who don't see it, and for a tip. */
export function iconButton(name: string, icon: IconName, onClick: () => void): HTMLButtonElement {
  return element('button', {
    class: 'icon-button',
    attributes: { type: 'button', 'aria-label': name, title: name },
    children: [iconOf(icon)],
    onClick,
  });
}

export interface Choice<Value extends string> {
  readonly value: Value;
  readonly label: string;
}

export interface Chooser<Value extends string> {
  readonly element: HTMLElement;
  readonly show: (value: Value) => void;
}

/** One of a few, side by side. */
export function chooser<Value extends string>(
  name: string,
  choices: readonly Choice<Value>[],
  onChoose: (value: Value) => void,
): Chooser<Value> {
  const buttons = choices.map(({ value, label }) =>
    element('button', {
      text: label,
      attributes: { type: 'button', 'data-value': value },
      onClick: () => {
        onChoose(value);
      },
    }),
  );
  const group = element('div', {
    class: 'chooser',
    attributes: { role: 'group', 'aria-label': name },
    children: buttons,
  });
  return {
    element: group,
    show: (value) => {
      for (const button of buttons) {
        button.setAttribute('aria-pressed', String(button.dataset['value'] === value));
      }
    },
  };
}

const ICONS = {
  search: 'M7 12.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11ZM11 11l3.5 3.5',
  close: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  copy: 'M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z',
  check: 'M2.5 8.5l3.5 3.5 7.5-8',
  plus: 'M8 2.5v11M2.5 8h11',
  minus: 'M2.5 8h11',
  fit: 'M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4',
  sun: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1',
  moon: 'M13.5 9.6A5.8 5.8 0 0 1 6.4 2.5a5.8 5.8 0 1 0 7.1 7.1Z',
} as const;
export type IconName = keyof typeof ICONS;

export function iconOf(name: IconName): SVGSVGElement {
  const namespace = 'http://www.w3.org/2000/svg';
  const icon = document.createElementNS(namespace, 'svg');
  icon.setAttribute('viewBox', '0 0 16 16');
  icon.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(namespace, 'path');
  path.setAttribute('d', ICONS[name]);
  icon.append(path);
  return icon;
}

/** A control with its name before it, where there is room for that; the control says it itself to those who listen. */
export function named(name: string, control: HTMLElement): HTMLElement {
  const label = element('span', {
    class: 'label',
    text: name,
    attributes: { 'aria-hidden': 'true' },
  });
  return element('div', { class: 'named', children: [label, control] });
}
