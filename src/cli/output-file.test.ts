import assert from 'node:assert/strict';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { test } from 'node:test';
import { makeTempDirectory } from '../../test/support/temp.ts';
import { openOutputFile } from './output-file.ts';

test('a file is there as a whole, or as it was', async () => {
  using temp = makeTempDirectory();
  const open = (): ReturnType<typeof openOutputFile> => openOutputFile({ cwd: temp.path }, 'out');
  {
    using file = open();
    await file.write('one ');
    await file.write(Buffer.from('two'));
    assert.deepEqual(readdirSync(temp.path).includes('out'), false, 'not yet');
    file.commit();
  }
  assert.equal(readFileSync(temp.join('out'), 'utf8'), 'one two');
  {
    using file = open();
    await file.write('half');
  }
  assert.equal(readFileSync(temp.join('out'), 'utf8'), 'one two');
  assert.deepEqual(readdirSync(temp.path), ['out'], 'nothing is left beside it');
});

test('through a link the file that it leads to is written, with its mode', async () => {
  using temp = makeTempDirectory();
  mkdirSync(temp.join('there'));
  writeFileSync(temp.join('there/real'), 'old', { mode: 0o600 });
  symlinkSync('there/real', temp.join('link'));
  using file = openOutputFile({ cwd: temp.path }, 'link');
  await file.write('new');
  file.commit();
  assert.equal(readFileSync(temp.join('there/real'), 'utf8'), 'new');
  assert.equal(statSync(temp.join('there/real')).mode & 0o777, 0o600);
});

test('a device is written as it is; a directory is not', async () => {
  using temp = makeTempDirectory();
  using file = openOutputFile({ cwd: temp.path }, '/dev/null');
  await file.write('nothing');
  file.commit();
  assert.ok(statSync('/dev/null').isCharacterDevice());
  assert.throws(() => openOutputFile({ cwd: temp.path }, '.'), { code: 'conflict' });
  assert.throws(() => openOutputFile({ cwd: temp.path }, 'none/x'), { code: 'not-found' });
});
