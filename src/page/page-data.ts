/** Makes the data of a page out of a graph document, and the text that carries it. */
import { FerryError } from '../error.ts';
import type { GraphDocument } from '../format/graph/document.ts';
import type { PageData } from './model/page-data.ts';

/** @throws FerryError `internal` for a document whose paths are not what its names say. */
export function pageDataOf(document: GraphDocument): PageData {
  const prefix = `${document.storeDir}/`;
  const bases: string[] = [];
  const references: number[] = [];
  for (const node of document.nodes) {
    const base = node.path.startsWith(prefix) ? node.path.slice(prefix.length) : node.path;
    const tail = node.version === undefined ? node.name : `${node.name}-${node.version}`;
    if (base.slice(base.indexOf('-') + 1) !== tail) {
      throw new FerryError('internal', `cannot draw "${node.path}": it is not named "${tail}"`);
    }
    bases.push(base);
    let before = 0;
    for (const target of node.references) {
      references.push(target - before);
      before = target;
    }
  }
  return {
    storeDir: document.storeDir,
    title: document.title,
    roots: document.roots,
    bases,
    nameLengths: document.nodes.map(({ name }) => name.length),
    narSizes: document.nodes.map(({ narSize }) => narSize),
    closureSizes: document.nodes.map(({ closureSize }) => closureSize),
    referenceCounts: document.nodes.map(({ references }) => references.length),
    references,
  };
}

/**
 * As the text of a `<script type="application/json">`. No `<` is left in it, so nothing in a name ends the element or
 * begins a comment; the page reads it with `JSON.parse` and never as markup.
 */
export function formatPageData(data: PageData): string {
  return JSON.stringify(data).replace(/</g, '\\u003c');
}
