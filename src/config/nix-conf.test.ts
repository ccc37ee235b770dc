import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { parseConfig, readConfigFile, type Assignment } from './nix-conf.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ferry-nix-conf-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

function write(file: string, text: string): string {
  const path = join(dir, file);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  return path;
}

function pairs(assignments: readonly Assignment[] | undefined): [string, string][] | undefined {
  return assignments?.map(({ name, value }) => [name, value]);
}

/** Name and value of each line of a text. */
function parsed(text: string): [string, string][] | undefined {
  return pairs(parseConfig(text, '/conf/nix.conf'));
}

test('a line is words, comments begin anywhere', () => {
  for (const [line, expected] of [
    ['a = b', [['a', 'b']]],
    ['  a\t=  b   c\t', [['a', 'b c']]],
    ['a = b\r', [['a', 'b']]],
    ['a =', [['a', '']]],
    ['a = b#c d', [['a', 'b']]],
    ['a = b # c', [['a', 'b']]],
    ['a = = #', [['a', '=']]],
    ['a = "b  c"', [['a', '"b c"']]],
    ['a = b\u000bc\u00a0d', [['a', 'b\u000bc\u00a0d']]],
    ['', []],
    ['# a = b', []],
    [' \t\r', []],
  ] as const) {
    assert.deepEqual(parsed(line), expected, JSON.stringify(line));
  }
});

test('a comment ends with its line and at nothing else', () => {
  for (const odd of ['\r', '\u2028', '\u2029', '\u0085', '\f']) {
    assert.deepEqual(parsed(`a = b # c${odd}d = e`), [['a', 'b']], JSON.stringify(odd));
  }
});

test('what is no line says where, and shows nothing behind the name', () => {
  for (const [line, shown] of [
    ['access-tokens=github.com=SECRET', 'access-tokens=…'],
    ['access-tokens SECRET', 'access-tokens…'],
    ['a', 'a'],
    ['a b = c', 'a…'],
    ['include', 'include'],
    ['include a b', 'include…'],
    ['!include a b', '!include…'],
  ] as const) {
    assert.throws(() => parsed(`x = y\n${line}`), {
      code: 'usage',
      message: `syntax error at /conf/nix.conf:2: "${shown}"`,
    });
  }
});

test('includes are relative to the file that has them', () => {
  const main = write('nix.conf', 'a = 1\ninclude sub/more.conf\na = 4');
  write('sub/more.conf', 'a = 2\n!include ../none.conf\ninclude last.conf');
  write('sub/last.conf', 'a = 3');
  const found = readConfigFile(main);
  assert.deepEqual(
    found?.map(({ value, origin }) => [value, origin.slice(dir.length)]),
    [
      ['1', '/nix.conf:1'],
      ['2', '/sub/more.conf:1'],
      ['3', '/sub/last.conf:1'],
      ['4', '/nix.conf:3'],
    ],
  );
});

test('a file may be included twice, but not by itself', () => {
  const main = write('nix.conf', 'include a\ninclude a');
  write('a', 'x = y');
  assert.equal(readConfigFile(main)?.length, 2);
  write('a', 'include b');
  write('b', '!include a');
  assert.throws(() => readConfigFile(main), {
    code: 'usage',
    message: `cannot include "${dir}/a" at ${dir}/b:1: it would include itself`,
  });
});

test('files that include each other in ever more ways come to an end', () => {
  const main = write('nix.conf', 'include 0\ninclude 0');
  for (let i = 0; i < 40; i++) write(String(i), `include ${i + 1}\ninclude ${i + 1}`);
  write('40', '');
  assert.throws(() => readConfigFile(main), { code: 'usage', message: /more than 1000 includes/ });
});

test('a variable has no place that an include could be relative to', () => {
  const file = write('a', 'x = y');
  assert.deepEqual(pairs(parseConfig(`include ${file}`, 'NIX_CONFIG')), [['x', 'y']]);
  assert.throws(() => parseConfig('include a', 'NIX_CONFIG'), {
    code: 'usage',
    message: 'cannot include "a" at NIX_CONFIG:1: not an absolute path',
  });
});

test('what is there and cannot be read is told, and done without', () => {
  const warnings: string[] = [];
  const onWarning = (text: string): number => warnings.push(text);
  mkdirSync(join(dir, 'directory'));
  assert.equal(readConfigFile(join(dir, 'directory'), { onWarning }), undefined);
  assert.deepEqual(warnings, [`cannot read "${dir}/directory": it is a directory`]);
  const main = write('nix.conf', 'include directory\n!include directory\na = b');
  assert.deepEqual(pairs(readConfigFile(main, { onWarning })), [['a', 'b']]);
  assert.equal(warnings.length, 2, 'an optional one is passed over in silence');
});

test('others than root do without what they may not read', { skip: rootOnly() }, () => {
  const main = write('nix.conf', 'a = b');
  chmodSync(main, 0);
  const warnings: string[] = [];
  assert.equal(readConfigFile(main, { onWarning: (text) => warnings.push(text) }), undefined);
  assert.deepEqual(warnings, [`cannot read "${main}": permission denied`]);
});

function rootOnly(): string | false {
  return process.geteuid?.() === 0 ? 'root may read everything' : false;
}

test('links, empty files and devices are files like others', () => {
  write('real', 'a = b');
  symlinkSync('real', join(dir, 'link'));
  assert.equal(readConfigFile(join(dir, 'link'))?.length, 1);
  assert.deepEqual(readConfigFile('/dev/null'), []);
  assert.equal(readConfigFile(join(dir, 'none')), undefined);
  assert.equal(readConfigFile(join(dir, 'real', 'none')), undefined);
});

test('what is endless or waits for somebody is given up', () => {
  assert.throws(() => readConfigFile('/dev/zero'), {
    code: 'usage',
    message: /more than \d+ bytes/,
  });
  execFileSync('mkfifo', [join(dir, 'pipe')]);
  assert.deepEqual(readConfigFile(join(dir, 'pipe')), []);
  const large = write('large', `${'#'.repeat(1 << 20)}\na = b`);
  assert.throws(() => readConfigFile(large), { code: 'usage', message: /more than 1048576 bytes/ });
});
