import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { makeTempDirectory } from '../../../test/support/temp.ts';
import { isFerryError } from '../../error.ts';
import type { ShareResult } from '../link-jobs.ts';
import { checkLinks, findSharedLinks, readLinkedInodes } from './links.ts';
import { shareFiles } from './share-files.ts';

const nothing = (): void => {};

interface Place extends AsyncDisposable {
  readonly store: string;
  readonly links: string;
  /** Makes a tree as it is in a store. Names that end in `!` are executable, those that end in `>` links. */
  tree(name: string, files: Readonly<Record<string, string>>): string;
  share(tree: string, options?: { linked?: Float64Array; dryRun?: boolean }): ShareResult;
}

function openPlace(): Place {
  const temp = makeTempDirectory({ ram: true });
  const store = temp.join('store');
  const links = join(store, '.links');
  mkdirSync(links, { recursive: true });
  return {
    store,
    links,
    tree(name, files) {
      const root = join(store, name);
      for (const [path, text] of Object.entries(files)) {
        const file = join(root, path);
        mkdirSync(dirname(file), { recursive: true });
        if (path.endsWith('>')) symlinkSync(text, file);
        else {
          writeFileSync(file, text);
          chmodSync(file, path.endsWith('!') ? 0o555 : 0o444);
          utimesSync(file, 1, 1);
        }
      }
      settle(root);
      return root;
    },
    share: (tree, options = {}) =>
      shareFiles(
        { kind: 'share', tree, linksDir: links, temporaryDir: store, ...options },
        nothing,
      ),
    [Symbol.asyncDispose]: () => temp[Symbol.asyncDispose](),
  };
}

function settle(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) settle(join(directory, entry.name));
  }
  chmodSync(directory, 0o555);
  utimesSync(directory, 1, 1);
}

const inode = (file: string): number => lstatSync(file).ino;
const temporaries = ({ store }: Place): string[] =>
  readdirSync(store).filter((name) => name.startsWith('.tmp-link'));

test('equal files become one, whatever directories they are in, and metadata stays', async () => {
  await using place = openPlace();
  const a = place.tree('a', { 'x/text': 'equal\n', 'run!': 'equal\n', 'to>': 'x/text' });
  const b = place.tree('b', { 'deep/er/text': 'equal\n', 'to>': 'x/text', other: 'other\n' });
  assert.deepEqual(place.share(a), { filesLinked: 0, bytesFreed: 0, notes: [], unlinked: [] });
  const { filesLinked, bytesFreed, notes } = place.share(b);
  assert.deepEqual(
    { filesLinked, bytesFreed, notes },
    { filesLinked: 2, bytesFreed: 12, notes: [] },
  );
  assert.equal(inode(`${a}/x/text`), inode(`${b}/deep/er/text`));
  assert.equal(inode(`${a}/to>`), inode(`${b}/to>`));
  assert.notEqual(inode(`${a}/run!`), inode(`${a}/x/text`), 'executable files are others');
  for (const directory of [a, `${a}/x`, b, `${b}/deep/er`]) {
    const { mode, mtimeMs } = lstatSync(directory);
    assert.equal(mode & 0o7777, 0o555, directory);
    assert.equal(mtimeMs, 1000, directory);
  }
  assert.deepEqual(temporaries(place), []);
  assert.equal(readdirSync(place.links).length, 4);
  assert.deepEqual(checkLinks(place.links, readdirSync(place.links), nothing), []);
});

test('names and files that are not text, and a path that is a single file', async () => {
  await using place = openPlace();
  const odd = Buffer.concat([Buffer.from(`${place.store}/odd-`), Buffer.from([0xff, 0xc3])]);
  mkdirSync(odd);
  const file = Buffer.concat([odd, Buffer.from('/'), Buffer.from([0xfe])]);
  writeFileSync(file, 'equal\n', { mode: 0o444 });
  const single = join(place.store, 'single');
  writeFileSync(single, 'equal\n', { mode: 0o444 });
  const before = lstatSync(place.store).mtimeMs;
  utimesSync(place.store, 7, 7);
  place.share(single);
  renameSync(odd, join(place.store, 'odd'));
  assert.equal(place.share(join(place.store, 'odd')).filesLinked, 1);
  assert.notEqual(lstatSync(place.store).mode & 0o200, 0, 'the store itself stays writable');
  assert.ok(before > 0);
});

test('a damaged link takes the place of no file: it is removed, and made anew', async () => {
  for (const damage of [
    (link: string) => writeFileSync(link, 'EQUAL\n', { mode: 0o444 }),
    (link: string) => writeFileSync(link, 'of another size\n', { mode: 0o444 }),
    (link: string) => writeFileSync(link, 'equal\n', { mode: 0o644 }),
    (link: string) => writeFileSync(link, 'equal\n', { mode: 0o555 }),
    (link: string) => symlinkSync('/etc/p', link),
    (link: string) => mkdirSync(link),
  ]) {
    await using place = openPlace();
    place.share(place.tree('a', { text: 'equal\n' }));
    const [name = ''] = readdirSync(place.links);
    const link = join(place.links, name);
    rmSync(link);
    damage(link);
    if (lstatSync(link).isDirectory()) {
      assert.throws(() => place.share(place.tree('b', { text: 'equal\n' })), { code: 'conflict' });
      continue;
    }
    const b = place.tree('b', { text: 'equal\n' });
    const { filesLinked, notes } = place.share(b);
    assert.equal(filesLinked, 0);
    assert.deepEqual(notes, [{ kind: 'damaged-link', path: link }]);
    assert.equal(readFileSync(`${b}/text`, 'utf8'), 'equal\n');
    assert.equal(inode(link), inode(`${b}/text`));
  }
});

test('what can be written to, and what is linked already, is left alone', async () => {
  await using place = openPlace();
  const a = place.tree('a', { text: 'equal\n', known: 'known\n' });
  place.share(a);
  const b = place.tree('b', { text: 'equal\n' });
  chmodSync(`${b}/text`, 0o644);
  const { filesLinked, notes } = place.share(b);
  assert.equal(filesLinked, 0);
  assert.deepEqual(notes, [{ kind: 'writable', path: `${b}/text` }]);
  const linked = readLinkedInodes(place.links, nothing);
  assert.deepEqual(
    [...linked],
    [...linked].sort((x, y) => x - y),
  );
  assert.equal(linked.length, 2);
  // Not even read: it could not be.
  assert.deepEqual(place.share(a, { linked }).filesLinked, 0);
  assert.deepEqual([...readLinkedInodes(join(place.store, 'none'), nothing)], []);
});

test('a dry run changes nothing, and names what has no link yet', async () => {
  await using place = openPlace();
  const a = place.tree('a', { text: 'equal\n', alone: 'alone\n' });
  const { unlinked } = place.share(a, { dryRun: true });
  assert.deepEqual(
    unlinked.map(({ size }) => size),
    [6, 6],
  );
  assert.deepEqual(readdirSync(place.links), []);
  place.share(a);
  const b = place.tree('b', { text: 'equal\n' });
  const { filesLinked, bytesFreed } = place.share(b, { dryRun: true });
  assert.deepEqual([filesLinked, bytesFreed], [1, 6]);
  assert.notEqual(inode(`${a}/text`), inode(`${b}/text`));
});

test('a missing directory of links is made; what is missing itself is an error', async () => {
  await using place = openPlace();
  rmSync(place.links, { recursive: true });
  const a = place.tree('a', { text: 'equal\n' });
  place.share(a);
  assert.equal(readdirSync(place.links).length, 1);
  assert.throws(() => place.share(join(place.store, 'none')), { code: 'not-found' });
});

test('what is stopped in the middle leaves directories as they were', async () => {
  await using place = openPlace();
  place.share(place.tree('a', { one: '1', two: '2', three: '3' }));
  const b = place.tree('b', { one: '1', two: '2', three: '3' });
  let left = 8;
  assert.throws(
    () =>
      shareFiles(
        { kind: 'share', tree: b, linksDir: place.links, temporaryDir: place.store },
        () => {
          left--;
          if (left === 0) throw new Error('enough');
        },
      ),
    /enough/,
  );
  assert.equal(lstatSync(b).mtimeMs, 1000);
  assert.equal(lstatSync(b).mode & 0o7777, 0o555);
  assert.deepEqual(temporaries(place), []);
  place.share(b);
  for (const name of ['one', 'two', 'three']) {
    assert.equal(inode(`${b}/${name}`), inode(join(place.store, 'a', name)));
  }
});

test('a file that is exchanged at any moment is never taken for what it was', async () => {
  for (let moment = 1; moment < 12; moment++) {
    await using place = openPlace();
    place.share(place.tree('a', { text: 'equal\n' }));
    const b = place.tree('b', { text: 'equal\n' });
    chmodSync(b, 0o755);
    writeFileSync(`${b}/next`, 'repaired\n', { mode: 0o444 });
    let calls = 0;
    const exchange = (): void => {
      calls++;
      if (calls === moment) renameSync(`${b}/next`, `${b}/text`);
    };
    try {
      shareFiles(
        { kind: 'share', tree: b, linksDir: place.links, temporaryDir: place.store },
        exchange,
      );
    } catch (error) {
      // The name is gone that it was about to read.
      assert.ok(isFerryError(error, 'not-found'), String(error));
    }
    const isExchanged = !existsSync(`${b}/next`);
    assert.equal(readFileSync(`${b}/text`, 'utf8'), isExchanged ? 'repaired\n' : 'equal\n');
    assert.deepEqual(temporaries(place), []);
  }
});

test('links of damaged trees are found by their inodes, and told apart from whole ones', async () => {
  await using place = openPlace();
  const a = place.tree('a', { text: 'equal\n', other: 'other\n', alone: 'alone\n' });
  place.share(a);
  chmodSync(`${a}/text`, 0o644);
  writeFileSync(`${a}/text`, 'EQUAL\n');
  rmSync(`${a}/alone`, { force: true });
  const names = findSharedLinks(place.links, [a, join(place.store, 'none')], nothing);
  assert.equal(names.length, 2);
  const damaged = checkLinks(place.links, [...names, 'gone'], nothing);
  assert.equal(damaged.length, 1);
  assert.ok(existsSync(join(place.links, damaged[0]?.name ?? '')));
  assert.notEqual(damaged[0]?.got, damaged[0]?.name);
});

test('whatever the files, contents stay and equal ones become one', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.dictionary(fc.constantFrom('a', 'b', 'c!', 'd/e', 'd/f!'), fc.string({ maxLength: 2 }), {
          minKeys: 1,
        }),
        {
          minLength: 1,
          maxLength: 4,
        },
      ),
      async (trees) => {
        await using place = openPlace();
        const roots = trees.map((files, n) => place.tree(`t${n}`, files));
        for (const root of roots) place.share(root);
        const byContents = new Map<string, number>();
        for (const [n, files] of trees.entries()) {
          for (const [path, text] of Object.entries(files)) {
            const file = join(roots[n] ?? '', path);
            assert.equal(readFileSync(file, 'utf8'), text);
            const key = `${path.endsWith('!')} ${text}`;
            const first = byContents.get(key) ?? inode(file);
            assert.equal(inode(file), first);
            byContents.set(key, first);
          }
        }
        assert.equal(readdirSync(place.links).length, byContents.size);
      },
    ),
    { numRuns: 30 },
  );
});

test('two at the same time, one with a link that came from elsewhere', async () => {
  await using place = openPlace();
  const a = place.tree('a', { text: 'equal\n' });
  const b = place.tree('b', { text: 'equal\n' });
  // Another process makes the link just before we do, each time.
  let isMade = false;
  shareFiles({ kind: 'share', tree: b, linksDir: place.links, temporaryDir: place.store }, () => {
    if (isMade) return;
    isMade = true;
    place.share(a);
  });
  assert.equal(inode(`${a}/text`), inode(`${b}/text`));
  chmodSync(a, 0o755);
  linkSync(`${a}/text`, `${a}/again`);
  assert.equal(place.share(a).filesLinked, 0);
});
