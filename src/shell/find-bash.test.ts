import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { makeTempDirectory } from '../../test/support/temp.ts';
import { parseStoreDir, type StorePath } from '../format/store-path.ts';
import { findBash, type BashQuery } from './find-bash.ts';

const INTERACTIVE = `${'a'.repeat(32)}-bash-interactive-5.2` as StorePath;
const PLAIN = `${'b'.repeat(32)}-bash-5.2` as StorePath;
const OTHER = `${'c'.repeat(32)}-hello` as StorePath;

test('of the bashes that there are, the one that is meant most', () => {
  using temp = makeTempDirectory();
  const program = (path: string, mode = 0o755): string => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '', { mode });
    return path;
  };
  const storeDir = parseStoreDir(temp.join('store'));
  const named = program(temp.join('own/mybash'));
  const interactive = program(`${storeDir}/${INTERACTIVE}/bin/bash`);
  const plain = program(`${storeDir}/${PLAIN}/bin/bash`);
  const machines = program(temp.join('bin/bash'));
  program(temp.join('not/bash'), 0o644);
  const query: BashQuery = {
    wanted: undefined,
    searchPath: `relative:${temp.join('not')}:${temp.join('bin')}`,
    storeDir,
    inputs: [OTHER, PLAIN, INTERACTIVE],
    builder: '/bin/sh',
  };
  const found = (changes: Partial<BashQuery>): unknown => findBash({ ...query, ...changes });
  const inItsDirectory = (path: string): object => ({ program: path, directory: dirname(path) });

  assert.deepEqual(found({ wanted: named }), inItsDirectory(named));
  assert.deepEqual(found({ wanted: 'bash' }), inItsDirectory(machines));
  assert.deepEqual(found({}), inItsDirectory(interactive));
  // Before PATH its directory would hide the tools of the shell.
  assert.deepEqual(found({ inputs: [OTHER, PLAIN] }), { program: machines });
  assert.deepEqual(found({ inputs: [OTHER, PLAIN], searchPath: '' }), inItsDirectory(plain));
  assert.deepEqual(
    found({ inputs: [OTHER], searchPath: undefined, builder: plain }),
    inItsDirectory(plain),
  );
  assert.throws(() => found({ inputs: [OTHER], searchPath: '' }), {
    code: 'not-found',
    message: /no bash/,
  });
  for (const wanted of [temp.join('none'), temp.join('not/bash'), 'no-such-bash']) {
    assert.throws(() => found({ wanted }), { code: 'not-found', message: /NIX_BUILD_SHELL/ });
  }
});
