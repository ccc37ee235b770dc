import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDerivation, type Derivation } from './derivation.ts';
import { DerivationHashes } from './derivation-hashes.ts';
import { defaultStoreDir, parseStorePathBaseName, type StorePath } from './store-path.ts';

const nameAt = (i: number): StorePath =>
  parseStorePathBaseName(`${String(i).padStart(32, '0')}-link.drv`);
const inputsText = (inputs: readonly StorePath[]): string =>
  inputs.map((path) => `("${defaultStoreDir}/${path}",["out"])`).join(',');
const derivation = (inputs: readonly StorePath[], more = ''): Derivation =>
  parseDerivation(
    defaultStoreDir,
    Buffer.from(
      `Derive([("out","${defaultStoreDir}/${'0'.repeat(32)}-link","","")],[${inputsText(inputs)}],[],"x","y",[],[("more","${more}")])`,
    ),
  );

function hashesOf(graph: ReadonlyMap<StorePath, Derivation>): {
  readonly hashes: DerivationHashes;
  readonly reads: StorePath[];
} {
  const reads: StorePath[] = [];
  const hashes = new DerivationHashes(defaultStoreDir, (path) => {
    reads.push(path);
    const found = graph.get(path);
    assert.ok(found !== undefined);
    return found;
  });
  return { hashes, reads };
}

test('a chain of ten thousand inputs is no deeper than one', () => {
  const length = 10_000;
  const graph = new Map(
    Array.from({ length }, (_, i) => [nameAt(i), derivation(i === 0 ? [] : [nameAt(i - 1)])]),
  );
  const { hashes, reads } = hashesOf(graph);
  const last = nameAt(length - 1);
  const first = hashes.outputPathsOf(last, graph.get(last) ?? derivation([]));
  assert.match(first.get('out') ?? '', /-link$/);
  assert.equal(new Set(reads).size, reads.length, 'each was read once');
  const changed = new Map([...graph, [nameAt(0), derivation([], 'changed')]]);
  const second = hashesOf(changed).hashes.outputPathsOf(last, graph.get(last) ?? derivation([]));
  assert.notEqual(second.get('out'), first.get('out'));
});

test('of inputs with exponentially many ways between them each is read once', () => {
  const layers = 60;
  const graph = new Map<StorePath, Derivation>();
  for (let i = 0; i < layers * 2; i++) {
    const below = i < 2 ? [] : [nameAt(i - 2 - (i % 2)), nameAt(i - 1 - (i % 2))];
    graph.set(nameAt(i), derivation(below));
  }
  const { hashes, reads } = hashesOf(graph);
  const top = derivation([nameAt(layers * 2 - 2), nameAt(layers * 2 - 1)]);
  hashes.outputPathsOf(nameAt(9999), top);
  assert.equal(reads.length, layers * 2);
});

test('refused: inputs that need each other', () => {
  const graph = new Map([
    [nameAt(1), derivation([nameAt(2)])],
    [nameAt(2), derivation([nameAt(3)])],
    [nameAt(3), derivation([nameAt(1)])],
  ]);
  const { hashes } = hashesOf(graph);
  assert.throws(() => hashes.outputPathsOf(nameAt(0), derivation([nameAt(1)])), {
    code: 'corrupt',
    message: /form a cycle/,
  });
  const itself = hashesOf(new Map([[nameAt(5), derivation([nameAt(5)])]])).hashes;
  assert.throws(() => itself.outputPathsOf(nameAt(0), derivation([nameAt(5)])), {
    code: 'corrupt',
  });
});

test('inputs of what is known by its contents are not asked for', () => {
  const fixed = parseDerivation(
    defaultStoreDir,
    Buffer.from(
      `Derive([("out","${defaultStoreDir}/${'0'.repeat(32)}-x","sha256","${'ab'.repeat(32)}")],[${inputsText([nameAt(7)])}],[],"x","y",[],[])`,
    ),
  );
  const { hashes, reads } = hashesOf(new Map([[nameAt(1), fixed]]));
  hashes.outputPathsOf(nameAt(0), derivation([nameAt(1)]));
  assert.deepEqual(reads, [nameAt(1)]);
});
