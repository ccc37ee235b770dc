import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTempDirectory } from '../../../test/support/temp.ts';
import { loadExchange, type Exchange } from '../../system/exchange.ts';
import { apartName, replaceTree } from './repair-place.ts';

function makeTree(path: string, text: string): string {
  mkdirSync(path);
  writeFileSync(join(path, 'text'), text);
  return path;
}

const WAYS: readonly (readonly [name: string, exchange: () => Promise<Exchange>])[] = [
  ['in one step where that can be', loadExchange],
  ['in two where it can not', async () => () => false],
];

for (const [name, open] of WAYS) {
  test(`a tree takes the place of another, ${name}`, async () => {
    await using temp = makeTempDirectory();
    const exchange = await open();
    const final = makeTree(temp.join('final'), 'old');
    const temporary = makeTree(temp.join('x-unpacking.ferry'), 'new');
    replaceTree(exchange, temporary, final);
    assert.equal(readFileSync(join(final, 'text'), 'utf8'), 'new');
    const old = existsSync(temporary) ? temporary : apartName(temporary);
    assert.equal(readFileSync(join(old, 'text'), 'utf8'), 'old');
    assert.equal(readdirSync(temp.path).length, 2);
    // Of what is gone it is all the same.
    rmSync(final, { recursive: true });
    replaceTree(exchange, old, final);
    assert.deepEqual(readdirSync(temp.path), ['final']);
  });

  test(`what can't take its place leaves it, ${name}`, async () => {
    await using temp = makeTempDirectory();
    const final = makeTree(temp.join('final'), 'old');
    assert.throws(() => replaceTree(() => false, temp.join('none-unpacking.ferry'), final), {
      code: 'ENOENT',
    });
    assert.equal((await open())(temp.join('none'), final), false);
    assert.equal(readFileSync(join(final, 'text'), 'utf8'), 'old');
    assert.deepEqual(readdirSync(temp.path), ['final']);
  });
}
