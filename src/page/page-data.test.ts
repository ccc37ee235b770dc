import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { GraphDocument } from '../format/graph/document.ts';
import { documentOf, makeDocument } from '../../test/support/made-document.ts';
import { closureOf, labelOf, neighbours, pathOf } from './model/closure.ts';
import type { PageData } from './model/page-data.ts';
import { formatPageData, pageDataOf } from './page-data.ts';

/** What the page makes of it. */
function readBack(document: GraphDocument): ReturnType<typeof closureOf> {
  return closureOf(JSON.parse(formatPageData(pageDataOf(document))) as PageData);
}

function assertSame(document: GraphDocument): void {
  const closure = readBack(document);
  assert.equal(closure.title, document.title);
  assert.deepEqual(closure.roots, document.roots);
  assert.equal(closure.count, document.nodes.length);
  for (const [n, node] of document.nodes.entries()) {
    assert.equal(pathOf(closure, n), node.path);
    assert.equal(closure.names[n], node.name);
    assert.equal(closure.versions[n], node.version ?? '');
    assert.equal(closure.narSizes[n], node.narSize);
    assert.equal(closure.closureSizes[n], node.closureSize);
    assert.deepEqual([...neighbours(closure.references, n)], node.references);
    for (const target of node.references) {
      assert.ok(neighbours(closure.referrers, target).includes(n));
    }
  }
}

test('what the page reads is the document', () => {
  for (const count of [0, 1, 2, 50, 700]) assertSame(makeDocument(count));
  const size = Number.MAX_SAFE_INTEGER;
  assertSame(documentOf([{ hashPart: '0', name: 'x', version: undefined, narSize: size }], [[]]));
});

test('any names survive, and none ends the element that holds them', () => {
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom(
      '</script>',
      '<!--',
      '<script',
      ']]>',
      '\u2028',
      '\ud800',
      '🧪',
      '\0',
      '__proto__',
    ),
  );
  const path = fc.record({
    name: text,
    version: fc.option(text, { nil: undefined }),
    narSize: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(path, { maxLength: 4 }), (paths) => {
      const made = paths.map((path, i) => ({ hashPart: String(i).padStart(32, '0'), ...path }));
      const document = documentOf(
        made,
        made.map((_, i) => [...made.keys()].slice(i + 1)),
      );
      const carried = formatPageData(pageDataOf(document));
      assert.ok(!carried.includes('<'));
      const closure = readBack(document);
      for (const [n, node] of document.nodes.entries()) {
        assert.equal(closure.names[n], node.name);
        assert.equal(closure.versions[n], node.version ?? '');
      }
    }),
  );
});

test('what follows the hash part is its label', () => {
  const closure = readBack(
    documentOf([{ hashPart: 'h', name: 'a-b', version: '1.2-lib', narSize: 1 }], [[]]),
  );
  assert.equal(labelOf(closure, 0), 'a-b-1.2-lib');
});

test('a document whose paths are not what its names say is refused', () => {
  const document = makeDocument(3);
  const nodes = document.nodes.map((node) => ({ ...node, name: 'other' }));
  assert.throws(() => pageDataOf({ ...document, nodes }), /it is not named "other/);
});
