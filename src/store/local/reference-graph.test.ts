import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeTempDirectory } from '../../../test/support/temp.ts';
import { graphOfInfos, type ReferenceGraph } from '../../format/reference-graph.ts';
import {
  defaultStoreDir,
  parseStorePathBaseName,
  type StorePath,
} from '../../format/store-path.ts';
import { openSqlite, type SqliteDatabase } from '../../system/sqlite.ts';
import { makeQueries } from './queries.ts';
import { queryReferenceGraph } from './reference-graph.ts';
import { createDatabase } from './schema.ts';

const COUNT = 2500;
const DIGITS = '0123456789abcdfghijklmnpqrsvwxyz';

/** Numbers of base 32 from the right, so that names are in no order of ids. */
function pathOf(n: number): StorePath {
  let hash = '';
  for (let rest = n * 2_654_435_761; hash.length < 32; rest = Math.floor(rest / 32)) {
    hash += DIGITS[rest % 32];
  }
  return parseStorePathBaseName(`${hash}-p${n}`);
}

/** Path n refers to itself, to n - 1 where that is above nought, and to one further down. */
async function fill(db: SqliteDatabase, directory: string, idStep: number): Promise<void> {
  await createDatabase(db, directory);
  const add = db.statement(
    'insert into ValidPaths (id, path, hash, registrationTime, narSize) values (?, ?, ?, 1, ?)',
  );
  const refer = db.statement('insert or ignore into Refs (referrer, reference) values (?, ?)');
  await db.transaction(() => {
    for (let n = 0; n < COUNT; n++) {
      const id = 1 + n * idStep;
      add.run(
        id,
        `${defaultStoreDir}/${pathOf(n)}`,
        `sha256:${'0'.repeat(64)}`,
        n === 3 ? null : n,
      );
      for (const target of [n, n - 1, Math.floor(n / 3)]) {
        if (target > 0) refer.run(id, 1 + target * idStep);
      }
    }
  });
}

/** As the infos of the closure tell it. */
function byInfos(db: SqliteDatabase, roots: readonly StorePath[]): ReferenceGraph {
  return graphOfInfos(new Map(makeQueries(db, defaultStoreDir).closureOf(roots, false)));
}

for (const [what, idStep] of [
  ['ids that are close together', 1],
  ['ids with wide gaps', 1000],
] as const) {
  test(`walked or cut out, a graph is the same: ${what}`, async () => {
    using temp = makeTempDirectory();
    using db = openSqlite(temp.join('db.sqlite'), {
      access: 'read-write',
      useWal: true,
      sync: false,
    });
    await fill(db, temp.path, idStep);
    const ask = (...roots: readonly StorePath[]): ReferenceGraph =>
      queryReferenceGraph(db, roots, { storeDir: defaultStoreDir, includeOutputs: false });
    // Few, just as many as are walked, one more, nearly all, and all.
    for (const n of [0, 1, 10, 1000, 1001, COUNT - 2, COUNT - 1]) {
      const graph = ask(pathOf(n));
      assert.deepEqual(graph, byInfos(db, [pathOf(n)]), `of path ${n}`);
      assert.equal(graph.paths.length, Math.max(1, n));
    }
    const roots = [pathOf(0), pathOf(5), pathOf(2000)];
    assert.deepEqual(ask(...roots), byInfos(db, roots));
    assert.deepEqual(ask().paths, []);
  });
}

test('a row that is no path of the store spoils no answer without it', async () => {
  using temp = makeTempDirectory();
  using db = openSqlite(temp.join('db.sqlite'), {
    access: 'read-write',
    useWal: true,
    sync: false,
  });
  await fill(db, temp.path, 1);
  db.statement(
    "insert into ValidPaths (path, hash, registrationTime) values ('/nix/store/odd', '', 1)",
  ).run();
  const root = pathOf(COUNT - 1);
  const query = { storeDir: defaultStoreDir, includeOutputs: false };
  assert.equal(queryReferenceGraph(db, [root], query).paths.length, COUNT - 1);
});
