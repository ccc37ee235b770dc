import assert from 'node:assert/strict';
import { test } from 'node:test';
import { utf8ByteString } from '../../bytes/byte-string.ts';
import { isFerryError } from '../../error.ts';
import { hashBytes } from '../../format/hash.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { parseStorePathBaseName } from '../../format/store-path.ts';
import type { BuildResult } from '../build-result.ts';
import type { Codec } from '../codec.ts';
import {
  contextAt,
  fromHexLines,
  hexLines,
  readValue,
  writeValue,
} from '../../../test/support/codecs.ts';
import {
  addToStoreNar,
  buildDerivation,
  buildPaths,
  exportPaths,
  queryClosure,
  queryPathInfos,
  queryValidPaths,
  serveOperations,
} from './protocol.ts';

const foo = parseStorePathBaseName('g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo');
const bar = parseStorePathBaseName('g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo.drv');
const hash = hashBytes('sha256', 'hello');

/** A string as Nix sends it, in hex. */
function str(text: string): string {
  const length = Buffer.alloc(8);
  length.writeUInt32LE(text.length);
  const padded = Buffer.alloc(Math.ceil(text.length / 8) * 8);
  padded.write(text);
  return Buffer.concat([length, padded]).toString('hex');
}
const int = (value: number): string => {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(value);
  return bytes.toString('hex');
};

const inHex = (...parts: readonly string[]): string =>
  parts.join('').replaceAll(/.{16}/g, '$& ').trim();

function row<T>(name: string, codec: Codec<T>, minor: number, value: T, hex: string): void {
  test(`${name}, version 2.${minor}, is written and read`, async () => {
    const context = contextAt(minor);
    assert.equal(hexLines(writeValue(codec, value, context)), hex);
    for (const size of [1, 7, 8, 4096]) {
      assert.deepEqual(await readValue(codec, fromHexLines(hex), context, size), value);
    }
  });
}

const fooText = `/nix/store/${foo}`;
const barText = `/nix/store/${bar}`;
const base16 = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';
const nix32 = '094qif9n4cq4fdg459qzbhg1c6wywawwaaivx0k0x8xhbyx4vwic';

row(
  'the request of QueryValidPaths',
  queryValidPaths.request,
  2,
  { lock: true, substitute: false, paths: [foo, bar] },
  inHex(int(1), int(0), int(2), str(fooText), str(barText)),
);

const served = {
  path: foo,
  deriver: bar,
  references: [foo],
  downloadSize: 120,
  narSize: 120,
};
const servedHead = [str(fooText), str(barText), int(1), str(fooText), int(120), int(120)] as const;

row(
  'the answer of QueryPathInfos',
  queryPathInfos.response,
  3,
  [{ ...served, signatures: [] }],
  inHex(...servedHead, str('')),
);
row(
  'the answer of QueryPathInfos',
  queryPathInfos.response,
  4,
  [
    {
      ...served,
      narHash: hash,
      ca: { method: 'nar', hash },
      signatures: ['a:b'],
    },
  ],
  inHex(
    ...servedHead,
    str(`sha256:${nix32}`),
    str(`fixed:r:sha256:${nix32}`),
    int(1),
    str('a:b'),
    str(''),
  ),
);
row(
  'the answer of QueryPathInfos without deriver and content address',
  queryPathInfos.response,
  8,
  [{ path: foo, references: [], downloadSize: 0, narSize: 8, narHash: hash, signatures: [] }],
  inHex(
    str(fooText),
    str(''),
    int(0),
    int(0),
    int(8),
    str(`sha256:${nix32}`),
    str(''),
    int(0),
    str(''),
  ),
);
row(
  'the request of QueryClosure',
  queryClosure.request,
  7,
  { includeOutputs: true, paths: [foo] },
  inHex(int(1), int(1), str(fooText)),
);
row(
  'the request of ExportPaths',
  exportPaths.request,
  7,
  { paths: [foo] },
  inHex(int(0), int(1), str(fooText)),
);

const added: PathInfo = {
  path: foo,
  deriver: bar,
  narHash: hash,
  references: [foo],
  registrationTime: 7,
  narSize: 120,
  ultimate: false,
  signatures: ['a:b'],
  ca: { method: 'flat', hash },
};
row(
  'the request of AddToStoreNar',
  addToStoreNar.request,
  5,
  added,
  inHex(
    str(fooText),
    str(barText),
    str(base16),
    int(1),
    str(fooText),
    int(7),
    int(120),
    int(0),
    int(1),
    str('a:b'),
    str(`fixed:sha256:${nix32}`),
  ),
);

const options = {
  maxSilentTime: 1,
  buildTimeout: 2,
  maxLogSize: 3,
  repeatCount: 0,
  enforceDeterminism: true,
  keepFailed: true,
};
const target = { targets: [barText] };
row(
  'the request of BuildPaths',
  buildPaths.request,
  2,
  { ...target, options: { ...options, enforceDeterminism: false, keepFailed: false } },
  inHex(int(1), str(barText), int(1), int(2), int(3)),
);
row(
  'the request of BuildPaths',
  buildPaths.request,
  6,
  { ...target, options: { ...options, keepFailed: false } },
  inHex(int(1), str(barText), int(1), int(2), int(3), int(0), int(1)),
);
row(
  'the request of BuildPaths',
  buildPaths.request,
  7,
  { ...target, options },
  inHex(int(1), str(barText), int(1), int(2), int(3), int(0), int(1), int(1)),
);
row('the answer of BuildPaths that went well', buildPaths.response, 7, undefined, int(0));
row(
  'the answer of BuildPaths that failed',
  buildPaths.response,
  7,
  { status: 100, message: 'no' },
  inHex(int(100), str('no')),
);

row(
  'the request of BuildDerivation',
  buildDerivation.request,
  2,
  {
    path: bar,
    derivation: {
      outputs: [{ name: 'out', path: fooText, hashAlgorithm: '', hash: '' }],
      inputPaths: [foo],
      platform: 'x86_64-linux',
      builder: utf8ByteString('/bin/sh'),
      arguments: [utf8ByteString('-c')],
      environment: [{ name: utf8ByteString('é'), value: utf8ByteString('') }],
    },
    options: { ...options, enforceDeterminism: false, keepFailed: false },
  },
  inHex(
    str(barText),
    int(1),
    str('out'),
    str(fooText),
    str(''),
    str(''),
    int(1),
    str(fooText),
    str('x86_64-linux'),
    str('/bin/sh'),
    int(1),
    str('-c'),
    int(1),
    '0200000000000000c3a9000000000000',
    str(''),
    int(1),
    int(2),
    int(3),
  ),
);

const built: BuildResult = { status: 'TimedOut', errorMessage: 'late' };
const timed: BuildResult = {
  ...built,
  timesBuilt: 1,
  isNonDeterministic: true,
  startTime: 5,
  stopTime: 6,
};
const timedHex = [int(8), str('late'), int(1), int(1), int(5), int(6)];
const outputs = [{ name: 'out', path: foo, signatures: ['a:b'] }];
const id = `sha256:${'0'.repeat(64)}!out`;
const json = `{"dependentRealisations":{},"id":"${id}","outPath":"${foo}","signatures":["a:b"]}`;
const { response: buildAnswer } = buildDerivation;
row('a build result', buildAnswer, 2, built, inHex(int(8), str('late')));
row('a build result', buildAnswer, 3, timed, inHex(...timedHex));
for (const minor of [6, 7]) {
  row(
    'a build result',
    buildAnswer,
    minor,
    { ...timed, builtOutputs: outputs },
    inHex(...timedHex, int(1), str(id), str(json)),
  );
}
row(
  'a build result',
  buildAnswer,
  8,
  { ...timed, builtOutputs: outputs },
  inHex(...timedHex, int(1), str('out'), str(fooText), int(1), str('a:b')),
);

test('sets are written in order, and read in any order', async () => {
  const unsorted = inHex(int(3), str(barText), str(fooText), str(fooText));
  const context = contextAt(7);
  const read = await readValue(queryPathInfos.request, fromHexLines(unsorted), context);
  assert.deepEqual(read, [foo, bar]);
  assert.equal(
    hexLines(writeValue(queryPathInfos.request, [bar, foo], context)),
    inHex(int(2), str(fooText), str(barText)),
  );
});

function refused<T>(name: string, codec: Codec<T>, hex: string, wanted: RegExp): void {
  test(`${name} is refused`, async () => {
    await assert.rejects(readValue(codec, fromHexLines(hex), contextAt(7)), (error) => {
      assert.ok(isFerryError(error, 'corrupt'));
      assert.match(error.message, wanted);
      return true;
    });
  });
}

refused(
  'a path outside of the store',
  queryPathInfos.request,
  inHex(int(1), str('/etc/passwd')),
  /^field "\[0\]" at byte 32: path "\/etc\/passwd" is not in the store/,
);
refused(
  'an info with a malformed hash',
  queryPathInfos.response,
  inHex(...servedHead, str('sha256:abc')),
  /^field "\[0\]\.narHash" at byte \d+: hash "sha256:abc"/,
);
refused(
  'an info with a hash of another kind',
  queryPathInfos.response,
  inHex(...servedHead, str('md5:5d41402abc4b2a76b9719d911017c592')),
  /is not a sha256/,
);
refused(
  'an unknown build status',
  buildAnswer,
  inHex(int(77), str('')),
  /^field "status" at byte 8: 77 is not a build status/,
);
refused(
  'an output without a path',
  buildAnswer,
  inHex(...timedHex, int(1), str(id), str('{}')),
  /output has no name or no path/,
);

test('the table has every operation once, under its number', () => {
  assert.deepEqual(
    [...serveOperations].map(([number, { name }]) => `${number} ${name}`),
    [
      '1 QueryValidPaths',
      '2 QueryPathInfos',
      '3 DumpStorePath',
      '4 ImportPaths',
      '5 ExportPaths',
      '6 BuildPaths',
      '7 QueryClosure',
      '8 BuildDerivation',
      '9 AddToStoreNar',
    ],
  );
});
