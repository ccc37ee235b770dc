import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graphOfEdges } from '../reference-graph.ts';
import { defaultStoreDir, type StorePath } from '../store-path.ts';
import { graphDocument } from './document.ts';

test('a document has full paths, packages apart from versions, and no references to oneself', () => {
  const paths = ['a', 'b'].map(
    (letter, n) => `${letter.repeat(32)}-${['lib', 'app-1.0-dev'][n]}` as StorePath,
  );
  const graph = graphOfEdges({ paths, narSizes: Float64Array.of(10, 5) }, [1, 1], [1, 0]);
  const closureSizes = Float64Array.of(10, 15);
  assert.deepEqual(
    graphDocument(defaultStoreDir, graph, { title: 'app', roots: [1], closureSizes }),
    {
      version: 1,
      storeDir: '/nix/store',
      title: 'app',
      roots: [1],
      nodes: [
        {
          path: `/nix/store/${paths[0]}`,
          name: 'lib',
          narSize: 10,
          closureSize: 10,
          references: [],
        },
        {
          path: `/nix/store/${paths[1]}`,
          name: 'app',
          version: '1.0-dev',
          narSize: 5,
          closureSize: 15,
          references: [0],
        },
      ],
    },
  );
});
