import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDerivation } from '../format/derivation.ts';
import { defaultStoreDir, parseStorePathBaseName, type StorePath } from '../format/store-path.ts';
import { buildClosure, nixShellCommand, rootsOf } from './build-closure.ts';
import { isInputLink, linksOf, requireShellName } from './shell-links.ts';

const path = (digit: string, name: string): StorePath =>
  parseStorePathBaseName(`${digit.repeat(32)}-${name}`);
const [drv, source, bash, tool, other] = [
  path('0', 'shell.drv'),
  path('1', 'source'),
  path('2', 'bash'),
  path('3', 'tool'),
  path('4', 'other'),
];
const derivation = (builder: string) =>
  parseDerivation(
    defaultStoreDir,
    Buffer.from(
      `Derive([("out","","","")],[],["${defaultStoreDir}/${source}"],"x","${builder}",[],[])`,
    ),
  );

test('it has the outputs once each and in order, and sources only by the derivation', () => {
  const closure = buildClosure(drv, derivation('x'), [tool, source, bash, tool], [other, bash]);
  assert.deepEqual(closure.inputs, [bash, tool, other]);
  assert.deepEqual(rootsOf(closure), [drv, bash, tool, other]);
  // A source that is asked for by name gets a link of its own.
  assert.deepEqual(buildClosure(drv, derivation('x'), [], [source]).inputs, [source]);
});

test('its links are numbered as Nix numbers roots, and the derivation comes last', () => {
  const closure = buildClosure(drv, derivation('x'), [tool, bash, other]);
  assert.deepEqual(
    [...linksOf(closure)],
    [
      ['input', bash],
      ['input-2', tool],
      ['input-3', other],
      ['shell.drv', drv],
    ],
  );
  assert.deepEqual([...linksOf(buildClosure(drv, derivation('x'), []))], [['shell.drv', drv]]);
  for (const link of ['input', 'input-2', 'input-33']) assert.ok(isInputLink(link));
  for (const file of ['shell.drv', 'input-', 'inputs', 'input-2.new.7', '.input']) {
    assert.equal(isInputLink(file), false);
  }
});

test('plain Nix is told of the bash that is there, where the builder is one', () => {
  const command = (builder: string): string =>
    nixShellCommand(defaultStoreDir, buildClosure(drv, derivation(builder), []));
  const plain = `nix-shell ${defaultStoreDir}/${drv}`;
  const inStore = `${defaultStoreDir}/${bash}/bin/bash`;
  assert.equal(command(inStore), `NIX_BUILD_SHELL=${inStore} ${plain}`);
  assert.equal(command('/bin/bash'), plain);
  assert.equal(command(`${defaultStoreDir}/${bash}/bin/sh`), plain);
  // What came from elsewhere ends up in a shell.
  assert.equal(
    command(`${defaultStoreDir}/$(reboot)/bash`),
    `NIX_BUILD_SHELL='${defaultStoreDir}/$(reboot)/bash' ${plain}`,
  );
});

test('names of shells are names of files, and words of a command', () => {
  for (const name of ['a', 'my-project', 'x_1.2+y', '9'])
    assert.equal(requireShellName(name), name);
  for (const name of [
    '',
    '.',
    '..',
    '-x',
    '.x',
    'a/b',
    'a b',
    'ü',
    "a'b",
    'a\nb',
    'x'.repeat(101),
  ]) {
    assert.throws(() => requireShellName(name), { code: 'usage' }, name);
  }
});
