/** Places: of the graph, and of the treemap. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { documentOf, makeDocument } from '../../../test/support/made-document.ts';
import { pageDataOf } from '../page-data.ts';
import { analyse } from './analysis.ts';
import { closureOf, neighbours } from './closure.ts';
import { layeredLayout, type Layout } from './layered-layout.ts';
import { spread } from './spread.ts';
import {
  cellAt,
  groupsAround,
  layoutTreemap,
  partsOf,
  tileBeside,
  type Cell,
  type Grouping,
} from './treemap.ts';

const area = { width: 1000, height: 700 };

test('things that are spread keep their order and their room, and are where they wish if they can', () => {
  assert.deepEqual(spread([], []), []);
  assert.deepEqual(spread([0, 10], [1, 1]), [0, 10]);
  assert.deepEqual(spread([5, 5], [1, 1]), [4, 6]);
  const number = fc.integer({ min: -1000, max: 1000 });
  const things = fc.array(fc.tuple(number, fc.integer({ min: 1, max: 20 })), { maxLength: 30 });
  fc.assert(
    fc.property(things, (things) => {
      const halves = things.map(([, half]) => half);
      const places = spread(
        things.map(([wish]) => wish),
        halves,
      );
      assert.equal(places.length, things.length);
      for (let i = 1; i < places.length; i++) {
        const room = (halves[i - 1] ?? 0) + (halves[i] ?? 0);
        assert.ok((places[i] ?? 0) - (places[i - 1] ?? 0) >= room - 1e-6);
      }
    }),
  );
});

function layoutOf(count: number, shape = 1.3): { layout: Layout; radii: Float64Array } {
  const { closure, distances } = analyse(closureOf(pageDataOf(makeDocument(count))));
  const radii = closure.narSizes.map((size) => 0.5 + Math.min(size / 1e8, 2));
  const { references, referrers } = closure;
  const input = { references, referrers, layers: distances.longest, radii, shape };
  const layout = layeredLayout(input);
  for (let n = 0; n < closure.count; n++) {
    for (const target of neighbours(references, n)) {
      assert.ok((layout.y[n] ?? 0) < (layout.y[target] ?? 0), 'references point downwards');
    }
  }
  return { layout, radii };
}

test('no two paths of the graph cover each other', () => {
  for (const count of [1, 2, 30, 400]) {
    const { layout, radii } = layoutOf(count);
    for (let a = 0; a < count; a++) {
      for (let b = a + 1; b < count; b++) {
        const dx = (layout.x[a] ?? 0) - (layout.x[b] ?? 0);
        const dy = (layout.y[a] ?? 0) - (layout.y[b] ?? 0);
        assert.ok(Math.hypot(dx, dy) >= (radii[a] ?? 0) + (radii[b] ?? 0), `${a} and ${b}`);
      }
    }
  }
});

test('the graph has about the shape of its room', () => {
  for (const shape of [0.6, 1, 1.6]) {
    for (const count of [100, 1_500]) {
      const { width, height } = layoutOf(count, shape).layout;
      assert.ok(width / height > shape * 0.65, `${count}: ${width} × ${height} for ${shape}`);
      assert.ok(width / height < shape * 1.6, `${count}: ${width} × ${height} for ${shape}`);
    }
  }
});

function treemapOf(count: number, grouping: Grouping): Cell[] {
  const { closure, held } = analyse(closureOf(pageDataOf(makeDocument(count))));
  return layoutTreemap(partsOf(closure, held, grouping), closure, area);
}

test('every path has a tile, as large as it is, within its groups', () => {
  for (const grouping of ['package', 'holder'] as const) {
    for (const count of [1, 2, 300]) {
      const tiles = treemapOf(count, grouping).filter(({ isGroup }) => !isGroup);
      assert.deepEqual(
        tiles.map(({ part }) => part.node ?? -1).sort((a, b) => a - b),
        Array.from({ length: count }, (_, n) => n),
      );
      for (const cell of tiles) {
        assert.ok(cell.x0 >= -1e-6 && cell.x1 <= area.width + 1e-6 && cell.x0 <= cell.x1);
        assert.ok(cell.y0 >= -1e-6 && cell.y1 <= area.height + 1e-6 && cell.y0 <= cell.y1);
      }
    }
  }
});

test('a place belongs to the innermost cell there, arrows lead to the tiles beside', () => {
  const cells = treemapOf(300, 'package');
  for (const cell of cells) {
    if (cell.isGroup || cell.x1 - cell.x0 < 2 || cell.y1 - cell.y0 < 2) continue;
    assert.equal(cellAt(cells, (cell.x0 + cell.x1) / 2, (cell.y0 + cell.y1) / 2), cell);
  }
  assert.equal(cellAt(cells, -1, 5), undefined);
  const [first] = cells.filter(({ isGroup }) => !isGroup);
  assert.ok(first !== undefined);
  const right = tileBeside(cells, first, { x: 1, y: 0 });
  assert.ok(right !== undefined && right.x0 >= first.x0);
  assert.equal(tileBeside([first], first, { x: 1, y: 0 }), undefined);
});

test('groups: packages of one path have none, held ones are within their holder', () => {
  const made = ['root', 'a', 'b', 'c', 'c'].map((name, i) => ({
    hashPart: String(i).repeat(32),
    name,
    version: `${i}`,
    narSize: 10,
  }));
  // The root refers to a, a to b, b to both of c: each holds the next.
  const { closure, held } = analyse(
    closureOf(pageDataOf(documentOf(made, [[1], [2], [3, 4], [], []]))),
  );
  const packages = partsOf(closure, held, 'package');
  assert.deepEqual(
    packages.parts.map(({ label }) => label),
    ['root', 'a', 'b', 'c'],
  );
  assert.deepEqual(
    packages.parts[3]?.parts.map(({ version }) => version),
    ['3', '4'],
  );
  const holders = partsOf(closure, held, 'holder');
  assert.deepEqual(
    groupsAround(holders, 4).map(({ label }) => label),
    ['a-1', 'b-2'],
  );
  assert.deepEqual(groupsAround(holders, 0), []);
  assert.deepEqual(groupsAround(holders, 99), []);
});
