/**
 * The links that keep a shell from being collected, in a directory under its name: `shell.drv` to the derivation, by which
 * `ferry shell NAME` finds it, and `input`, `input-2` and so on to what it is built from, as `nix-store --add-root input`
 * numbers them. A derivation alone keeps none of the outputs that it names.
 */
import { FerryError } from '../error.ts';
import type { StorePath } from '../format/store-path.ts';
import type { BuildClosure } from './build-closure.ts';

/** The link that makes a name one of a shell: the last that is made. */
export const derivationLink = 'shell.drv';
export const inputLink = 'input';

/** By name, those that come first first. */
export function linksOf({ drv, inputs }: BuildClosure): Map<string, StorePath> {
  const links = inputs.map((path, i): [string, StorePath] => [
    i === 0 ? inputLink : `${inputLink}-${i + 1}`,
    path,
  ]);
  return new Map([...links, [derivationLink, drv]]);
}

/** Whether the name of a file in that directory is of one of the links, of this shell or one that was there before. */
export function isInputLink(name: string): boolean {
  return /^input(-\d+)?$/.test(name);
}

const NAME = /^[\w+][\w+.-]{0,99}$/;

/** It becomes a directory, and a word of a command. @throws FerryError `usage` */
export function requireShellName(name: string): string {
  if (NAME.test(name)) return name;
  throw new FerryError(
    'usage',
    `"${name}" can't be the name of a shell: it has letters, digits and + - . _ and begins with none of - and .`,
    { hint: 'choose another with --root NAME' },
  );
}
