import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { samplePath } from '../../../test/conformance/nars.ts';
import { hashBytes } from '../hash.ts';
import type { PathInfo } from '../path-info.ts';
import { generateSecretKey, signText } from '../signature.ts';
import { defaultStoreDir, parseStoreDir, type StorePath } from '../store-path.ts';
import { formatManifest, parseManifest, type BundleManifest } from './manifest.ts';

const a = samplePath('a').info;
const b = samplePath('b', [a.path]).info;
const base: BundleManifest = {
  storeDir: defaultStoreDir,
  compression: 'zstd',
  level: 3,
  roots: [b.path],
  presupposed: [],
  infos: [a, b],
};

test('a manifest says all that is known of the paths', () => {
  const key = generateSecretKey('key-1');
  const lone = samplePath('c').info.path;
  const full: PathInfo = {
    ...b,
    references: [a.path, b.path].sort(),
    deriver: `${lone}.drv` as StorePath,
    signatures: [signText(key, 'x'), signText(key, 'y')].sort(),
    ca: { method: 'nar', hash: hashBytes('sha256', 'x') },
  };
  const manifest: BundleManifest = {
    storeDir: parseStoreDir('/other/store'),
    compression: 'xz',
    level: -7,
    roots: [b.path, lone].sort(),
    presupposed: [lone],
    infos: [a, full],
  };
  assert.deepEqual(parseManifest(formatManifest(manifest)), manifest);
});

test('neither the time of registration nor trust in a store travels', () => {
  const text = formatManifest({
    ...base,
    infos: [{ ...a, registrationTime: 12, ultimate: true }, b],
  });
  assert.deepEqual(parseManifest(text), base);
  assert.doesNotMatch(text, /12|ltimate/);
});

test('a manifest is the text that it is promised to be', () => {
  assert.equal(
    formatManifest({ ...base, infos: [a], roots: [a.path] }),
    [
      'StoreDir: /nix/store',
      'Compression: zstd',
      'Level: 3',
      'Paths: 1',
      `Root: ${a.path}`,
      '',
      `StorePath: /nix/store/${a.path}`,
      'URL: 0',
      'Compression: zstd',
      'NarHash: sha256:0qq4p2ji58mlbsnr0qbza0v2ygm36sbjd2j4zv9q9vw8gw1wxhc1',
      'NarSize: 632',
      'References: ',
      '',
    ]
      .join('\n')
      .replace(/NarHash: .*/, /NarHash: .*/.exec(formatManifest(base))?.[0] ?? '')
      .replace(/NarSize: .*/, `NarSize: ${a.narSize}`),
  );
});

test('an empty bundle has a manifest too', () => {
  const empty: BundleManifest = { ...base, roots: [a.path], presupposed: [a.path], infos: [] };
  assert.deepEqual(parseManifest(formatManifest(empty)), empty);
});

test('keys that are not known are skipped, wherever they stand', () => {
  const text = formatManifest(base)
    .replace('Paths: 2\n', 'Paths: 2\nMadeBy: a later ferry\n')
    .replace('URL: 1\n', 'URL: 1\nChunked: yes\n');
  assert.deepEqual(parseManifest(text), base);
});

const text = formatManifest(base);
const refused: readonly (readonly [string, string, RegExp])[] = [
  ['nothing', '', /cut/],
  ['no line end', text.slice(0, -1), /no line end/],
  ['an empty line at its end', `${text}\n`, /empty line/],
  ['a line that is none', text.replace('Level: 3', 'Level'), /KEY: VALUE/],
  ['a key twice', text.replace('Level: 3', 'Level: 3\nLevel: 3'), /twice/],
  ['no store directory', text.replace(/^StoreDir.*\n/, ''), /no StoreDir/],
  ['a relative one', text.replace('StoreDir: /nix/store', 'StoreDir: nix'), /store directory/],
  ['one with dots', text.replace('StoreDir: /nix/store', 'StoreDir: /nix/../x'), /store directory/],
  ['one that steers a terminal', text.replace('nix/store', 'nix\u001b[31m'), /store directory/],
  ['the root as one', text.replace('StoreDir: /nix/store', 'StoreDir: /'), /store directory/],
  ['a compression of its own', text.replace('Compression: zstd', 'Compression: lz4'), /lz4/],
  ['one that is only read', text.replace('Compression: zstd', 'Compression: bzip2'), /bzip2/],
  ['a level that is none', text.replace('Level: 3', 'Level: 03'), /number/],
  ['fewer paths than there are', text.replace('Paths: 2', 'Paths: 1'), /more paths/],
  ['more paths than there are', text.replace('Paths: 2', 'Paths: 3'), /fewer paths/],
  ['paths below zero', text.replace('Paths: 2', 'Paths: -2'), /paths/],
  ['paths beyond counting', text.replace('Paths: 2', 'Paths: 2000000'), /number/],
  [
    'a root that is not in it',
    text.replace(/^Root: .*$/m, 'Root: '.concat(samplePath('z').info.path)),
    /root/,
  ],
  ['a root that is no path', text.replace(/^Root: .*$/m, 'Root: ../x'), /store path/],
  ['the frame of another', text.replace('URL: 1', 'URL: 0'), /another frame/],
  ['a frame elsewhere', text.replace('URL: 1', 'URL: http://x/1'), /another frame/],
  ['another compression', text.replace(/(URL: 1\nCompression: )zstd/, '$1xz'), /another frame/],
  ['a path twice', formatManifest({ ...base, infos: [a, a] }), /second time/],
  ['references to what comes later', formatManifest({ ...base, infos: [b, a] }), /refers to/],
  ['references to what is nowhere', formatManifest({ ...base, infos: [b] }), /refers to/],
  ['what it presupposes in it', formatManifest({ ...base, presupposed: [a.path] }), /second time/],
  [
    'a path of another store',
    text.replace('StorePath: /nix/store', 'StorePath: /x/store'),
    /store/,
  ],
];

for (const [what, wrong, why] of refused) {
  test(`a manifest is refused that has ${what}`, () => {
    assert.notEqual(wrong, text);
    assert.throws(
      () => parseManifest(wrong),
      (error: Error & { code?: string }) => {
        assert.match(error.message, why);
        return error.code === 'corrupt' || error.code === 'unsupported';
      },
    );
  });
}

test('whatever is written is read again as it was', () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9.+-]{0,20}$/);
  const manifest = fc
    .uniqueArray(name, { maxLength: 8 })
    .chain((names) => fc.tuple(fc.constant(names), fc.array(fc.nat(), { maxLength: 12 })))
    .map(([names, picks]): BundleManifest => {
      const infos: PathInfo[] = [];
      for (const each of names) {
        const earlier = picks.map((pick) => infos[pick % (infos.length + 1)]?.path);
        const references = [...new Set(earlier.filter((path) => path !== undefined))];
        infos.push(samplePath(each, references).info);
      }
      const roots = infos.map(({ path }) => path).sort();
      return { ...base, infos, roots };
    });
  fc.assert(
    fc.property(manifest, (each) => {
      assert.deepEqual(parseManifest(formatManifest(each)), each);
    }),
    { numRuns: 60 },
  );
});
