/** A tree as `nix store ls` and `nix nar ls` print it. */
import { FerryError } from '../error.ts';
import type { ListingNode } from '../format/nar/listing.ts';
import { printable } from './errors.ts';

export const listingOptions: {
  readonly long: { readonly help: string; readonly short: 'l' };
  readonly recursive: { readonly help: string; readonly short: 'R' };
  readonly directory: { readonly help: string; readonly short: 'd' };
  readonly json: { readonly help: string };
} = {
  long: { help: 'with permissions, sizes and where links point', short: 'l' },
  recursive: { help: 'with all that is in its directories', short: 'R' },
  directory: { help: 'the directory itself, not what is in it', short: 'd' },
  json: { help: 'tell programs, in JSON' },
};

export interface ListingFlags {
  readonly long: boolean;
  readonly recursive: boolean;
  readonly directory: boolean;
  readonly json: boolean;
  /** In JSON of one level its entries are names alone, `{}` each, as Nix has them from 2.26 on. */
  readonly bareEntries?: boolean;
}

/**
 * The lines for stdout.
 * @param rootName what the root is called where it is a file.
 * @throws FerryError `not-found` where `member` is not in it.
 */
export function printListing(
  root: ListingNode,
  rootName: string,
  member: string,
  flags: ListingFlags,
): string {
  const names = member.split('/').filter((name) => name !== '');
  const node = findMember(root, names);
  const depth = flags.recursive ? Infinity : flags.directory ? 0 : 1;
  if (flags.json) {
    return `${JSON.stringify(jsonNode(node, depth, flags.bareEntries === true))}\n`;
  }
  if (node.type !== 'directory') return line(node, names.at(-1) ?? rootName, flags.long);
  if (flags.directory) return line(node, '.', flags.long);
  return linesBelow(node, '.', flags);
}

function findMember(root: ListingNode, names: readonly string[]): ListingNode {
  let node = root;
  for (const name of names) {
    const next = node.type === 'directory' ? node.entries.get(name) : undefined;
    if (next === undefined) {
      throw new FerryError('not-found', `there is no "${names.join('/')}" in it`);
    }
    node = next;
  }
  return node;
}

// Recursion is safe: a tree is as deep as a NAR may be.
function linesBelow(
  directory: Extract<ListingNode, { type: 'directory' }>,
  prefix: string,
  flags: ListingFlags,
): string {
  let text = '';
  for (const [name, node] of directory.entries) {
    const path = `${prefix}/${name}`;
    text += line(node, path, flags.long);
    if (flags.recursive && node.type === 'directory') text += linesBelow(node, path, flags);
  }
  return text;
}

function line(node: ListingNode, path: string, isLong: boolean): string {
  const shown = printable(path);
  if (!isLong) return `${shown}\n`;
  const size = String(node.type === 'regular' ? node.size : 0).padStart(20);
  switch (node.type) {
    case 'directory':
      return `dr-xr-xr-x ${size} ${shown}\n`;
    case 'regular':
      return `${node.executable ? '-r-xr-xr-x' : '-r--r--r--'} ${size} ${shown}\n`;
    case 'symlink':
      return `lrwxrwxrwx ${size} ${shown} -> ${printable(node.target)}\n`;
  }
}

/** Keys in the order in which Nix prints them. `depth` levels of directories are opened. */
function jsonNode(node: ListingNode, depth: number, bare: boolean): object {
  switch (node.type) {
    case 'directory': {
      if (depth <= 0) return { type: node.type };
      const entries = [...node.entries].map(([name, entry]) => [
        name,
        bare && depth === 1 ? {} : jsonNode(entry, depth - 1, bare),
      ]);
      return { entries: Object.fromEntries(entries) as object, type: node.type };
    }
    case 'regular': {
      const { executable, narOffset, size, type } = node;
      return { ...(executable ? { executable } : {}), narOffset, size, type };
    }
    case 'symlink':
      return { target: node.target, type: node.type };
  }
}
