/**
 * The index of debug information in a cache: `debuginfo/<build id>.debug` says in which NAR the file is and where in it
 * (Nix manual, "Binary cache store", `index-debug-info`). Debuggers find it by the id alone.
 */
import type { ListingNode } from '../../format/nar/listing.ts';

export interface DebugInfoLink {
  /** Its key in the cache. */
  readonly key: string;
  /** JSON. */
  readonly text: string;
}

/** Where the debug files of a package are. */
const DIRECTORY = ['lib', 'debug', '.build-id'] as const;

/** @param url of the NAR, relative to the cache */
export function debugInfoLinks(root: ListingNode, url: string): DebugInfoLink[] {
  let node: ListingNode | undefined = root;
  for (const name of DIRECTORY) node = entriesOf(node).get(name);
  const links: DebugInfoLink[] = [];
  for (const [first, directory] of entriesOf(node)) {
    if (!/^[0-9a-f]{2}$/.test(first)) continue;
    for (const [rest, file] of entriesOf(directory)) {
      if (file.type !== 'regular' || !/^[0-9a-f]{38}\.debug$/.test(rest)) continue;
      const member = [...DIRECTORY, first, rest].join('/');
      const text = JSON.stringify({ archive: `../${url}`, member });
      links.push({ key: `debuginfo/${first}${rest}`, text });
    }
  }
  return links;
}

function entriesOf(node: ListingNode | undefined): ReadonlyMap<string, ListingNode> {
  return node?.type === 'directory' ? node.entries : new Map();
}
