/** What the page computes of a closure, against what takes longer and is plain to see. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { documentOf, makeDocument } from '../../../test/support/made-document.ts';
import { pageDataOf } from '../page-data.ts';
import { analyse, type Analysis } from './analysis.ts';
import { closureOf, labelOf, neighbours, reverse, type Adjacency } from './closure.ts';
import { stepsOf } from './colouring.ts';
import { chainTo } from './distances.ts';
import { essentialReferences } from './essential-references.ts';
import { find } from './find.ts';

/** Paths 0, 1, 2 …, each with those of higher numbers that it refers to; 0 is the root. */
function analysisOf(
  references: readonly (readonly number[])[],
  sizes: readonly number[] = [],
): Analysis {
  const made = references.map((_, i) => ({
    hashPart: String(i).padStart(32, '0'),
    name: `n${i}`,
    version: undefined,
    narSize: sizes[i] ?? 1,
  }));
  return analyse(closureOf(pageDataOf(documentOf(made, references))));
}

/** What is in reach of the roots without going through `without`. */
function reachable({ closure }: Analysis, without: number): Set<number> {
  const seen = new Set(closure.roots.filter((root) => root !== without));
  for (const n of seen) {
    for (const target of neighbours(closure.references, n)) {
      if (target !== without) seen.add(target);
    }
  }
  return seen;
}

/** What n leads to, itself not among it. */
function ledTo(references: Adjacency, n: number): Set<number> {
  const seen = new Set(neighbours(references, n));
  for (const inner of seen) for (const target of neighbours(references, inner)) seen.add(target);
  return seen;
}

/** Some graph without cycles in which everything is in reach of the root. */
const anyReferences = fc.integer({ min: 1, max: 14 }).chain((count) =>
  fc
    .tuple(...Array.from({ length: count }, (_, i) => fc.subarray(range(i + 1, count))))
    .map((all) => {
      const references = all.map((targets) => new Set(targets));
      const met = new Set(references.flatMap((targets) => [...targets]));
      for (let i = 1; i < count; i++) if (!met.has(i)) references[0]?.add(i);
      return references.map((targets) => [...targets].sort((a, b) => a - b));
    }),
);

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

test('what a path keeps is what is out of reach without it', () => {
  fc.assert(
    fc.property(
      anyReferences,
      fc.array(fc.nat(1000), { minLength: 14, maxLength: 14 }),
      (references, sizes) => {
        const analysis = analysisOf(references, sizes);
        const { closure, held } = analysis;
        for (let n = 0; n < closure.count; n++) {
          const left = reachable(analysis, n);
          const gone = range(0, closure.count).filter((other) => !left.has(other));
          assert.equal(held.counts[n], gone.length);
          assert.equal(
            held.sizes[n],
            gone.reduce((sum, other) => sum + (closure.narSizes[other] ?? 0), 0),
          );
          const holder = held.holders[n] ?? -1;
          if (holder >= 0) assert.ok(!reachable(analysis, holder).has(n));
        }
      },
    ),
  );
});

test('essential references lead to all that the others did, and none is implied', () => {
  fc.assert(
    fc.property(anyReferences, (references) => {
      const { closure, order } = analysisOf(references);
      const essential = essentialReferences(closure.references, order);
      assert.ok(essential !== undefined);
      for (let n = 0; n < closure.count; n++) {
        assert.deepEqual(ledTo(essential, n), ledTo(closure.references, n));
        const kept: number[] = [...neighbours(essential, n)];
        for (const target of kept) {
          assert.ok(kept.every((other) => !ledTo(closure.references, other).has(target)));
        }
      }
    }),
  );
});

test('chains are shortest, and layers have referrers above', () => {
  fc.assert(
    fc.property(anyReferences, (references) => {
      const { closure, distances } = analysisOf(references);
      for (let n = 0; n < closure.count; n++) {
        const chain = chainTo(distances, n);
        assert.equal(chain[0], closure.roots[0]);
        assert.equal(chain.length, (distances.shortest[n] ?? 0) + 1);
        for (const [i, next] of chain.slice(1).entries()) {
          assert.ok(neighbours(closure.references, chain[i] ?? -1).includes(next));
        }
        for (const target of neighbours(closure.references, n)) {
          assert.ok((distances.longest[target] ?? 0) > (distances.longest[n] ?? 0));
          assert.ok((distances.shortest[target] ?? 0) <= (distances.shortest[n] ?? 0) + 1);
        }
      }
    }),
  );
});

test('a closure that claims to be a circle is drawn all the same', () => {
  const document = makeDocument(3);
  const nodes = document.nodes.map((node, n) => ({ ...node, references: [(n + 1) % 3] }));
  const { closure, order, held, distances } = analyse(
    closureOf(pageDataOf({ ...document, nodes })),
  );
  assert.deepEqual(order.toSorted(), Uint32Array.of(0, 1, 2));
  assert.equal(held.counts.length, 3);
  assert.ok(essentialReferences(closure.references, order) !== undefined);
  for (const n of [0, 1, 2]) assert.equal(chainTo(distances, n)[0], closure.roots[0]);
});

test('turned round twice, references are as they were', () => {
  const { references } = closureOf(pageDataOf(makeDocument(200)));
  const twice = reverse(reverse(references));
  assert.deepEqual(twice.offsets, references.offsets);
  assert.deepEqual(twice.targets, references.targets);
});

test('searching finds names, versions, hash parts and whole paths', () => {
  const document = makeDocument(300);
  const closure = closureOf(pageDataOf(document));
  const labels = (query: string): string[] =>
    (find(closure, query)?.nodes ?? []).map((n) => labelOf(closure, n));
  assert.equal(find(closure, '  '), undefined);
  assert.deepEqual(labels('HARBOUR 26.'), ['nixos-system-harbour-26.05']);
  const some = document.nodes[17];
  const base = some?.path.slice(document.storeDir.length + 1) ?? '';
  for (const query of [base.slice(0, 8), base, some?.path ?? '']) {
    assert.deepEqual(find(closure, query)?.nodes, [17]);
  }
  assert.deepEqual(labels('nothing has this name'), []);
  const found = labels('lib');
  const begin = found.map((label) => label.startsWith('lib'));
  assert.ok(begin.includes(false));
  assert.equal(begin.lastIndexOf(true) + 1, begin.indexOf(false), 'names that begin so come first');
});

test('colours go by referrers, or by the way from a root', () => {
  // Two paths of three referrers and more, below a row of four.
  const { closure, distances } = analysisOf([[1, 2, 3, 4], [5], [5], [5, 6], [5, 6], [], [7], []]);
  assert.deepEqual([...stepsOf(closure, distances, 'referrers')], [0, 1, 1, 1, 1, 3, 2, 1]);
  assert.deepEqual([...stepsOf(closure, distances, 'distance')], [0, 1, 1, 1, 1, 2, 2, 3]);
});
