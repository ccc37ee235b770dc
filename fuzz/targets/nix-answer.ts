/** What an installed Nix answers: nothing but paths of the store gets through. */
import assert from 'node:assert/strict';
import { parseBuilt } from '../../src/cli/compat/nix/evaluate.ts';
import { pathsOf } from '../../src/cli/compat/nix/installables.ts';
import { defaultStoreDir, isStorePathBaseName } from '../../src/format/store-path.ts';
import { outcomeOf, type FuzzTarget } from '../target.ts';

const drvPath = `/nix/store/${'a'.repeat(32)}-x.drv`;
const out = `/nix/store/${'b'.repeat(32)}-x`;

export const nixAnswerTarget: FuzzTarget = {
  name: 'nix-answer',
  seeds: [
    [],
    [{ drvPath, outputs: { out, dev: `${out}-dev` }, startTime: 0 }],
    [{ path: out }, out],
    [{ drvPath, outputs: { out: null } }],
  ].map((answer) => Buffer.from(JSON.stringify(answer))),
  dictionary: [
    drvPath,
    out,
    '"outputs":',
    '"drvPath":',
    '"path":',
    '/../',
    '//',
    'null',
    '[',
    '{',
  ].map((text) => Buffer.from(text)),
  check: (input) => {
    const text = Buffer.from(input).toString('utf8');
    const { value } = outcomeOf(
      () => parseBuilt({ storeDir: defaultStoreDir }, text),
      ['protocol', 'unsupported'],
    );
    for (const path of pathsOf(value ?? [])) assert.ok(isStorePathBaseName(path), path);
  },
};
