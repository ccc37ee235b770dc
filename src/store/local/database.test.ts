import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { hashBytes } from '../../format/hash.ts';
import { contentAddressedPath } from '../../format/make-store-path.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { generateSecretKey, signText } from '../../format/signature.ts';
import { defaultStoreDir, hashPartOf, type StorePath } from '../../format/store-path.ts';
import { openSqlite, type SqliteDatabase } from '../../system/sqlite.ts';
import { makeQueries, type StoreQueries } from './queries.ts';
import { makeRegistrar, type Registrar } from './register.ts';
import { createDatabase, hasDatabase } from './schema.ts';

interface Opened extends Disposable {
  readonly directory: string;
  readonly db: SqliteDatabase;
  readonly queries: StoreQueries;
  readonly registrar: Registrar;
  register(...infos: readonly PathInfo[]): Promise<Map<StorePath, Error>>;
}

async function openNew(): Promise<Opened> {
  using stack = new DisposableStack();
  const directory = mkdtempSync(join(tmpdir(), 'ferry-db-'));
  stack.defer(() => rmSync(directory, { recursive: true }));
  const db = stack.use(
    openSqlite(join(directory, 'db.sqlite'), { access: 'read-write', useWal: true, sync: false }),
  );
  await createDatabase(db, directory);
  const queries = makeQueries(db, defaultStoreDir);
  const registrar = makeRegistrar(db, defaultStoreDir, queries);
  const resources = stack.move();
  return {
    directory,
    db,
    queries,
    registrar,
    register: (...infos) =>
      db.transaction(() =>
        registrar.register(
          infos.map((info) => ({ info, outputs: new Map() })),
          7,
        ),
      ),
    [Symbol.dispose]: () => resources.dispose(),
  };
}

function infoNamed(name: string, ...references: readonly StorePath[]): PathInfo {
  const hash = hashBytes('sha256', name);
  return {
    path: contentAddressedPath(defaultStoreDir, name, { method: 'text', hash }),
    narHash: hash,
    narSize: 120,
    references: [...references].sort(),
    deriver: undefined,
    registrationTime: 7,
    ultimate: false,
    signatures: [],
    ca: undefined,
  };
}

test('what is registered comes back as it was', async () => {
  using opened = await openNew();
  const signatures = ['b-1', 'a-1'].map((name) => signText(generateSecretKey(name), 'x')).sort();
  const a: PathInfo = {
    ...infoNamed('a'),
    deriver: infoNamed('a.drv').path,
    ultimate: true,
    signatures,
    ca: { method: 'text', hash: hashBytes('sha256', 'a') },
  };
  const b = infoNamed('b', a.path, infoNamed('b').path);
  assert.equal((await opened.register(a, b)).size, 0);
  assert.deepEqual(opened.queries.infoOf(a.path), a);
  assert.deepEqual(opened.queries.infoOf(b.path), b);
  assert.deepEqual(
    new Map(opened.queries.closureOf([b.path], false)),
    new Map([b, a].map((info) => [info.path, info])),
  );
  assert.deepEqual(opened.queries.referrersOf(a.path), [b.path]);
  assert.deepEqual(opened.queries.referrersOf(b.path), [b.path]);
  assert.deepEqual(opened.queries.allPaths(), [a.path, b.path].sort());
  assert.equal(opened.queries.pathOfHashPart(hashPartOf(a.path)), a.path);
  assert.equal(opened.queries.pathOfHashPart('0'.repeat(32)), undefined);
});

test('a path that refers to what is not valid is left out, and what refers to it too', async () => {
  using opened = await openNew();
  const lost = infoNamed('lost');
  const a = infoNamed('a', lost.path);
  const b = infoNamed('b', a.path);
  const c = infoNamed('c');
  const failures = await opened.register(a, b, c);
  assert.deepEqual([...failures.keys()], [a.path, b.path]);
  assert.deepEqual(opened.queries.allPaths(), [c.path]);
});

test('what throws leaves nothing behind', async () => {
  using opened = await openNew();
  await assert.rejects(
    opened.db.transaction(() => {
      opened.registrar.register([{ info: infoNamed('a'), outputs: new Map() }], 7);
      throw new Error('enough');
    }),
    /enough/,
  );
  assert.deepEqual(opened.queries.allPaths(), []);
});

test('signatures are joined, and malformed ones never written', async () => {
  using opened = await openNew();
  const [first, second] = ['a-1', 'b-1'].map((name) => signText(generateSecretKey(name), 'x'));
  assert.ok(first !== undefined && second !== undefined);
  const a = { ...infoNamed('a'), signatures: [second, 'no signature'] };
  await opened.register(a);
  assert.deepEqual(opened.queries.infoOf(a.path)?.signatures, [second]);
  assert.equal(opened.registrar.addSignatures(a.path, [first, second]), 1);
  assert.deepEqual(opened.queries.infoOf(a.path)?.signatures, [first, second]);
  assert.throws(() => opened.registrar.addSignatures(infoNamed('b').path, [first]), {
    code: 'not-found',
  });
});

test('outputs of derivations are found both ways, those that are valid', async () => {
  using opened = await openNew();
  const [drv, out, dev] = [infoNamed('x.drv'), infoNamed('x'), infoNamed('x-dev')];
  const outputs = new Map([
    ['out', out.path],
    ['dev', dev.path],
  ]);
  await opened.db.transaction(() => opened.registrar.register([{ info: drv, outputs }], 7));
  await opened.register(out);
  assert.deepEqual(opened.queries.outputsOf(drv.path), [out.path]);
  assert.deepEqual(opened.queries.deriversOf(out.path), [drv.path]);
  const closure = new Map(opened.queries.closureOf([drv.path], true));
  assert.deepEqual([...closure.keys()].sort(), [drv.path, out.path].sort());
});

test('rows of old and foreign databases are read', async () => {
  using opened = await openNew();
  const { path, narHash } = infoNamed('old');
  opened.db
    .statement(
      'insert into ValidPaths (path, hash, registrationTime, deriver, sigs, ca) values (?, ?, 1, ?, ?, ?)',
    )
    .run(
      `/nix/store/${path}`,
      `sha256:${Buffer.from(narHash.digest).toString('hex')}`,
      'unknown-deriver',
      'broken',
      'fixed:git:sha1:0',
    );
  assert.deepEqual(opened.queries.infoOf(path), {
    ...infoNamed('old'),
    narSize: 0,
    registrationTime: 1,
  });
});

test('a hash that can not be read is an error', async () => {
  using opened = await openNew();
  const { path } = infoNamed('broken');
  opened.db
    .statement("insert into ValidPaths (path, hash, registrationTime) values (?, 'sha256:', 1)")
    .run(`/nix/store/${path}`);
  assert.throws(() => opened.queries.infoOf(path), { code: 'corrupt' });
});

test('a self reference does not keep a path from being deleted', async () => {
  using opened = await openNew();
  const a = infoNamed('a', infoNamed('a').path);
  await opened.register(a);
  opened.db.statement('delete from ValidPaths where path = ?').run(`/nix/store/${a.path}`);
  assert.deepEqual(opened.queries.allPaths(), []);
});

test('the version of the schema stands beside the database', async () => {
  using opened = await openNew();
  const file = join(opened.directory, 'schema');
  assert.equal(readFileSync(file, 'utf8'), '10');
  assert.ok(hasDatabase(opened.directory));
  assert.ok(!hasDatabase(join(opened.directory, 'nowhere')));
  for (const [text, code] of [
    ['11', 'unsupported'],
    ['7', 'unsupported'],
    ['ten', 'corrupt'],
  ] as const) {
    writeFileSync(file, text);
    assert.throws(() => hasDatabase(opened.directory), { code });
  }
});

test('a database that others write is waited for', async () => {
  using opened = await openNew();
  using other = openSqlite(join(opened.directory, 'db.sqlite'), {
    access: 'read-write',
    useWal: true,
    sync: false,
  });
  other.execute('begin immediate');
  const registered = opened.register(infoNamed('a'));
  assert.deepEqual(opened.queries.allPaths(), [], 'reading goes on');
  other.execute('commit');
  assert.equal((await registered).size, 0);
  other.execute('begin immediate');
  await assert.rejects(
    opened.db.transaction(() => {}, AbortSignal.timeout(50)),
    { name: 'TimeoutError' },
  );
  other.execute('rollback');
});

test('what is no database is said to be none', () => {
  const directory = mkdtempSync(join(tmpdir(), 'ferry-db-'));
  try {
    mkdirSync(directory, { recursive: true });
    const file = join(directory, 'db.sqlite');
    writeFileSync(file, 'not a database, but long enough for one to look into it'.repeat(100));
    assert.throws(() => openSqlite(file, { access: 'read-write', useWal: true, sync: true }), {
      code: 'corrupt',
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
});
