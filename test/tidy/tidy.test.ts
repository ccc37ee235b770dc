/** Rules of the house that no linter knows: sizes, words, places, and what the package's doors export. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const root = new URL('../../', import.meta.url);
const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(new URL(file, root)));
const sources = files.filter((file) => /^(src|test|bench|fuzz|scripts)\/.*\.(ts|sh)$/.test(file));

function read(file: string): string {
  return readFileSync(new URL(file, root), 'utf8');
}

test('files stay small enough to have one subject', () => {
  const long = sources.filter(
    (file) => !file.endsWith('.test.ts') && read(file).split('\n').length > 400,
  );
  assert.deepEqual(long, []);
});

test('nothing is left for later in the sources', () => {
  // Spelled so that this file doesn't find itself.
  const markers = /\b(T[O]DO|F[I]XME|X[X]X|H[A]CK)\b/;
  assert.deepEqual(
    sources.filter((file) => markers.test(read(file))),
    [],
  );
});

test('the project names no place outside of itself', () => {
  const outside = /(^|[^A-Za-z0-9])\/w[o]rk\/|\.\.\/s[h]ared/m;
  const texts = files.filter(
    (file) => /\.(ts|sh|md|json|js|1)$/.test(file) && file !== 'package-lock.json',
  );
  assert.deepEqual(
    texts.filter((file) => outside.test(read(file))),
    [],
  );
});

test('every file of the sources says at its top what it is for', () => {
  const silent = sources.filter(
    (file) =>
      file.startsWith('src/') && !file.endsWith('.test.ts') && !read(file).startsWith('/**'),
  );
  assert.deepEqual(silent, []);
});

test('every folder of the sources stands in docs/ARCHITECTURE.md', () => {
  const folders = new Set(sources.flatMap((file) => /^src\/([a-z]+)\//.exec(file)?.[1] ?? []));
  const text = read('docs/ARCHITECTURE.md');
  assert.deepEqual(
    [...folders].filter((folder) => !text.includes(`${folder}/`)),
    [],
  );
});

test('every dependency has its reason in docs/dependencies.md', () => {
  const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
  const names = Object.keys({ ...manifest['dependencies'], ...manifest['devDependencies'] });
  const text = read('docs/dependencies.md');
  assert.deepEqual(
    names.filter((name) => !text.includes(`\`${name}\``)),
    [],
  );
});

test('an old npm installs the native half of every library', () => {
  const lock = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { engines?: unknown }>;
  };
  const native = Object.entries(lock.packages).filter(([path]) =>
    path.startsWith('node_modules/@napi-rs/lzma-'),
  );
  assert.ok(native.length > 0);
  assert.deepEqual(
    native.filter(([, { engines }]) => engines !== undefined).map(([path]) => path),
    [],
    'node scripts/lock.ts writes the lock file so that npm of an old Node leaves nothing out',
  );
});

test('what the doors export is what docs/api.txt lists', () => {
  const exported = files
    .filter((file) => /^src\/(index|doors\/\w+)\.ts$/.test(file))
    .flatMap((file) => {
      const door =
        file === 'src/index.ts' ? 'nix-ferry' : `nix-ferry/${/(\w+)\.ts$/.exec(file)?.[1]}`;
      const lists = [...read(file).matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap((match) =>
        (match[1] ?? '').split(','),
      );
      return lists
        .map((name) => name.replace('type ', '').trim())
        .filter((name) => name !== '')
        .map((name) => `${door} ${name}`);
    })
    .sort();
  assert.deepEqual(
    exported,
    read('docs/api.txt').trim().split('\n'),
    'update docs/api.txt where the change is meant',
  );
});
