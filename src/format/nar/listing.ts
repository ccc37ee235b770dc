/**
 * Listings of NARs: what is in them and where, in the JSON that binary caches keep beside them (`<hash part>.ls`).
 * Nix manual, "Binary cache", `write-nar-listing`.
 */
import type { ByteString } from '../../bytes/byte-string.ts';
import { FerryError } from '../../error.ts';
import { narDepthMax, type NarFile, type NarVisitor } from './visitor.ts';

export type ListingNode =
  | {
      readonly type: 'directory';
      /** By name, in byte order when it comes out of a NAR. A map: any name is fine, also `__proto__`. */
      readonly entries: ReadonlyMap<string, ListingNode>;
    }
  | {
      readonly type: 'regular';
      /** Bytes of content. */
      readonly size: number;
      readonly executable: boolean;
      /** Where in the NAR the content begins, in bytes; some listings don't say. */
      readonly narOffset?: number | undefined;
    }
  | { readonly type: 'symlink'; readonly target: string };

/** JSON has no bytes: names and targets that are not UTF-8 come out with replacement characters. */
export class ListingBuilder implements NarVisitor {
  readonly #open: Map<string, ListingNode>[] = [];
  #root: ListingNode | undefined;

  directory(name: ByteString): void {
    const entries = new Map<string, ListingNode>();
    this.#add(name, { type: 'directory', entries });
    this.#open.push(entries);
  }

  leave(): void {
    this.#open.pop();
  }

  file(name: ByteString, file: NarFile): void {
    const { executable, size, offset: narOffset } = file;
    this.#add(name, { type: 'regular', size, executable, narOffset });
  }

  data(): void {}

  endFile(): void {}

  symlink(name: ByteString, target: ByteString): void {
    this.#add(name, { type: 'symlink', target: decode(target) });
  }

  /** Once the root is complete. */
  finish(): ListingNode {
    if (this.#root === undefined) throw new FerryError('internal', 'listing of nothing');
    return this.#root;
  }

  #add(name: ByteString, node: ListingNode): void {
    const entries = this.#open.at(-1);
    if (entries === undefined) this.#root = node;
    else entries.set(decode(name), node);
  }
}

function decode(text: ByteString): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}

/** Keys sorted, no white space, no line end: as Nix writes it. */
export function formatListing(root: ListingNode): string {
  return `{"root":${formatNode(root)},"version":1}`;
}

// Recursion is safe in both directions: a tree is as deep as a NAR may be, which `parseListing` checks too.
function formatNode(node: ListingNode): string {
  switch (node.type) {
    case 'directory': {
      const entries = [...node.entries].map(
        ([name, entry]) => `${JSON.stringify(name)}:${formatNode(entry)}`,
      );
      return `{"entries":{${entries.join(',')}},"type":"directory"}`;
    }
    case 'regular': {
      const { executable, narOffset, size, type } = node;
      return JSON.stringify({ ...(executable ? { executable } : {}), narOffset, size, type });
    }
    case 'symlink':
      return JSON.stringify({ target: node.target, type: node.type });
  }
}

/**
 * Any release's listing. Keys that are not known are passed over.
 * @throws FerryError `corrupt`
 */
export function parseListing(text: string): ListingNode {
  let listing: unknown;
  try {
    listing = JSON.parse(text);
  } catch (cause) {
    throw new FerryError('corrupt', 'listing of a NAR is not JSON', { cause });
  }
  if (!isObject(listing) || listing['version'] !== 1) {
    throw new FerryError('corrupt', 'listing of a NAR is not of version 1');
  }
  return parseNode(listing['root'], '', 0);
}

function parseNode(node: unknown, path: string, depth: number): ListingNode {
  const wrong = (problem: string): FerryError =>
    new FerryError('corrupt', `listing of a NAR is wrong about "${path || '/'}": ${problem}`);
  if (!isObject(node)) throw wrong('not an object');
  if (depth > narDepthMax) throw wrong('nested too deep');
  switch (node['type']) {
    case 'directory': {
      const { entries } = node;
      if (!isObject(entries)) throw wrong('no entries');
      const parsed = Object.entries(entries).map(([name, entry]): [string, ListingNode] => {
        if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) {
          throw wrong(`${JSON.stringify(name)} is not an entry name`);
        }
        return [name, parseNode(entry, `${path}/${name}`, depth + 1)];
      });
      return { type: 'directory', entries: new Map(parsed) };
    }
    case 'regular': {
      const { size, executable = false, narOffset } = node;
      if (!isCount(size)) throw wrong('no size');
      if (typeof executable !== 'boolean') throw wrong('"executable" is not true or false');
      if (narOffset !== undefined && !isCount(narOffset)) throw wrong('narOffset is not a number');
      return { type: 'regular', size, executable, narOffset };
    }
    case 'symlink': {
      const { target } = node;
      if (typeof target !== 'string') throw wrong('no target');
      return { type: 'symlink', target };
    }
    default:
      throw wrong('unknown type');
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
