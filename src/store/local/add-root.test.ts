import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { defaultStoreDir, parseStorePathBaseName } from '../../format/store-path.ts';
import { addRoot } from './add-root.ts';
import { locateStore } from './locations.ts';

const A = parseStorePathBaseName(`${'a'.repeat(32)}-a`);
const B = parseStorePathBaseName(`${'b'.repeat(32)}-b`);

test('a root is a link to the path and a link to that link', () => {
  const root = mkdtempSync(join(tmpdir(), 'ferry-root-'));
  try {
    const locations = locateStore(
      { root },
      { storeDir: defaultStoreDir, stateDir: '/s', logDir: '/l' },
    );
    const link = join(root, 'results', 'result');
    addRoot(locations, link, A);
    assert.equal(readlinkSync(link), `/nix/store/${A}`);
    const auto = join(locations.stateDir, 'gcroots', 'auto');
    const [name] = readdirSync(auto);
    assert.ok(name !== undefined && /^[0-9a-z]{32}$/.test(name));
    assert.equal(readlinkSync(join(auto, name)), link);

    addRoot(locations, link, B);
    assert.equal(readlinkSync(link), `/nix/store/${B}`);
    assert.deepEqual(readdirSync(auto), [name]);
    assert.deepEqual(readdirSync(join(root, 'results')), ['result']);

    const file = join(root, 'results', 'file');
    writeFileSync(file, '');
    assert.throws(() => addRoot(locations, file, A), { code: 'conflict' });
    const foreign = join(root, 'results', 'foreign');
    symlinkSync('/etc', foreign);
    assert.throws(() => addRoot(locations, foreign, A), { code: 'conflict' });
    mkdirSync(locations.realDir, { recursive: true });
    assert.throws(() => addRoot(locations, join(locations.realDir, 'x'), A), { code: 'usage' });
    assert.throws(() => addRoot(locations, `/nix/store/${B}`, A), { code: 'usage' });
  } finally {
    rmSync(root, { recursive: true });
  }
});
