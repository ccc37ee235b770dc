import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ByteReader } from '../../bytes/byte-reader.ts';
import { ByteWriter } from '../../bytes/byte-writer.ts';
import { isFerryError } from '../../error.ts';
import { hashBytes } from '../../format/hash.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { parseStorePathBaseName, type StorePath } from '../../format/store-path.ts';
import type { BuildResult } from '../build-result.ts';
import type { Codec, WireContext } from '../codec.ts';
import {
  contextAt,
  fromHexLines,
  hexLines,
  readValue,
  writeValue,
} from '../../../test/support/codecs.ts';
import {
  addBuildLog,
  addMultipleInfo,
  addSignatures,
  addToStore,
  addToStoreNar,
  oldAddToStore,
  submitOutput,
} from './additions.ts';
import {
  buildPaths,
  buildPathsWithResults,
  queryBareRealisation,
  queryHashedRealisation,
  queryMissing,
  queryRealisation,
  querySubstitutablePathInfo,
  querySubstitutablePathInfos,
  registerBareDrvOutput,
  registerDrvOutput,
  registerHashedDrvOutput,
} from './builds.ts';
import { workerBuildResult, type BuildMode } from './build.ts';
import { derivedPath, type DerivedPath } from './derived-path.ts';
import { clientGreetingEnd, featureNames, serverGreeting } from './handshake.ts';
import { isSpoken } from './operation.ts';
import { findWorkerOperation, workerOperations } from './protocol.ts';
import {
  queryAllValidPaths,
  queryDerivationOutputMap,
  queryPathFromHashPart,
  queryPathInfo,
  queryValidPaths,
} from './queries.ts';
import { collectGarbage, findRoots, setOptions, verifyStore } from './upkeep.ts';
import {
  deleteDeadSpecificReferrers,
  realisationWithPath,
  v,
  workerFeatures,
  workerVersion,
} from './version.ts';

const foo = parseStorePathBaseName('g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo');
const drv = parseStorePathBaseName('g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo.drv');
const hash = hashBytes('sha256', 'hello');
const base16 = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';
const fooText = `/nix/store/${foo}`;
const drvText = `/nix/store/${drv}`;

/** A string as Nix sends it, in hex. */
function str(text: string): string {
  const length = Buffer.alloc(8);
  length.writeUInt32LE(text.length);
  const padded = Buffer.alloc(Math.ceil(text.length / 8) * 8);
  padded.write(text);
  return Buffer.concat([length, padded]).toString('hex');
}

function int(value: number | bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes.toString('hex');
}

const inHex = (...parts: readonly string[]): string =>
  parts.join('').replaceAll(/.{16}/g, '$& ').trim();

function context(minor: number, ...features: readonly string[]): WireContext {
  return { ...contextAt(minor, 1), features: new Set(features) };
}

function row<T>(
  name: string,
  codec: Codec<T>,
  at: WireContext,
  value: T,
  ...parts: readonly string[]
): void {
  const hex = inHex(...parts);
  const version = `1.${at.version % 256}${at.features.size > 0 ? ' with features' : ''}`;
  test(`${name}, version ${version}, is written and read`, async () => {
    assert.equal(hexLines(writeValue(codec, value, at)), hex);
    for (const size of [1, 7, 8, 4096]) {
      assert.deepEqual(await readValue(codec, fromHexLines(hex), at, size), value);
    }
  });
}

row('features of a client', featureNames, context(38), ['a', 'b'], int(2), str('a'), str('b'));
row('features of a client', featureNames, context(37), []);
row('the end of a client’s greeting', clientGreetingEnd, context(38), {}, int(0), int(0));
row('the greeting of a server', serverGreeting, context(32), {});
row('the greeting of a server', serverGreeting, context(34), { release: '2.8.0' }, str('2.8.0'));
for (const [isTrusted, number] of [
  [true, 1],
  [false, 2],
] as const) {
  const value = { release: '2.34.8', isTrusted };
  row('the greeting of a server', serverGreeting, context(38), value, str('2.34.8'), int(number));
}
row('who says nothing of trust', serverGreeting, context(38), { release: 'x' }, str('x'), int(0));

const info: PathInfo = {
  path: foo,
  deriver: drv,
  narHash: hash,
  references: [foo],
  registrationTime: 23,
  narSize: 120,
  ultimate: true,
  signatures: ['k:s'],
  ca: { method: 'nar', hash },
};
const { path: _, ...unkeyed } = info;
const narParts = [str(drvText), str(base16), int(1), str(fooText), int(23), int(120)];
const signedParts = [int(1), int(1), str('k:s'), str(`fixed:r:sha256:${nix32()}`)];

function nix32(): string {
  return '094qif9n4cq4fdg459qzbhg1c6wywawwaaivx0k0x8xhbyx4vwic';
}

row(
  'the answer of QueryPathInfo',
  queryPathInfo.response,
  context(38),
  unkeyed,
  int(1),
  ...narParts,
  ...signedParts,
);
row('that a path is not valid', queryPathInfo.response, context(38), undefined, int(0));
row(
  'the request of AddToStoreNar',
  addToStoreNar.request,
  context(34),
  { info, repair: false, dontCheckSigs: true },
  str(fooText),
  ...narParts,
  ...signedParts,
  int(0),
  int(1),
);
row(
  'an info within AddMultipleToStore, whatever is spoken',
  addMultipleInfo,
  context(38),
  info,
  str(fooText),
  ...narParts,
  ...signedParts,
);
row(
  'the answer of AddToStore',
  addToStore.response,
  context(25),
  info,
  str(fooText),
  ...narParts,
  ...signedParts,
);
row(
  'an info without deriver, time and content address',
  queryPathInfo.response,
  context(38),
  { narHash: hash, references: [], narSize: 8, ultimate: false, signatures: [] },
  int(1),
  str(''),
  str(base16),
  int(0),
  int(0),
  int(8),
  int(0),
  int(0),
  str(''),
);
row(
  'the request of QueryValidPaths',
  queryValidPaths.request,
  context(26),
  { paths: [foo], substitute: false },
  int(1),
  str(fooText),
);
row(
  'the request of QueryValidPaths',
  queryValidPaths.request,
  context(27),
  { paths: [foo], substitute: true },
  int(1),
  str(fooText),
  int(1),
);
row(
  'the answer of QueryPathFromHashPart',
  queryPathFromHashPart.response,
  context(38),
  foo,
  str(fooText),
);
row(
  'the answer of QueryAllValidPaths',
  queryAllValidPaths.response,
  context(38),
  [foo, drv],
  int(2),
  str(fooText),
  str(drvText),
);
row(
  'the answer of QueryDerivationOutputMap',
  queryDerivationOutputMap.response,
  context(38),
  [{ name: 'dev' }, { name: 'out', path: foo }],
  int(2),
  str('dev'),
  str(''),
  str('out'),
  str(fooText),
);
row(
  'the request of AddToStore',
  addToStore.request,
  context(38),
  { name: 'n', method: 'fixed:r:sha256', references: [foo], repair: false },
  str('n'),
  str('fixed:r:sha256'),
  int(1),
  str(fooText),
  int(0),
);
row(
  'the request of AddToStore',
  oldAddToStore.request,
  context(21),
  { name: 'n', isFixed: true, isRecursive: false, algorithm: 'sha1' },
  str('n'),
  int(1),
  int(0),
  str('sha1'),
);
row(
  'the request of AddSignatures',
  addSignatures.request,
  context(38),
  { path: foo, signatures: ['a:b', 'c:d'] },
  str(fooText),
  int(2),
  str('a:b'),
  str('c:d'),
);
row('the request of AddBuildLog', addBuildLog.request, context(38), drv, str(drv));
row(
  'the request of SubmitOutput',
  submitOutput.request,
  context(38),
  {
    path: { kind: 'built', from: { kind: 'opaque', path: drv }, output: 'out' },
    output: 'dev',
  },
  int(1),
  int(0),
  str(drvText),
  str('out'),
  str('dev'),
);

const targets: readonly DerivedPath[] = [
  { kind: 'opaque', path: foo },
  { kind: 'built', drv, outputs: 'all' },
  { kind: 'built', drv, outputs: ['dev', 'out'] },
];
row(
  'the request of BuildPaths',
  buildPaths.request,
  context(30),
  { targets: [...targets, { kind: 'opaque', path: drv }], mode: 'check' as BuildMode },
  int(4),
  str(fooText),
  str(`${drvText}!*`),
  str(`${drvText}!dev,out`),
  str(drvText),
  int(2),
);
row(
  'the request of BuildPaths',
  buildPaths.request,
  context(29),
  { targets, mode: 'repair' as BuildMode },
  int(3),
  str(fooText),
  str(drvText),
  str(`${drvText}!dev,out`),
  int(1),
);

test('to an old server a derivation can not be named itself', () => {
  const target: DerivedPath = { kind: 'opaque', path: drv };
  assert.throws(() => writeValue(derivedPath, target, context(29)), { code: 'unsupported' });
});

test('outputs without names are refused', async () => {
  for (const text of [`${drvText}!`, `${drvText}!a,,b`, `${drvText}!a!b`, '!out', 'x!out']) {
    const bytes = fromHexLines(inHex(str(text)));
    await assert.rejects(readValue(derivedPath, bytes, context(38)), { code: 'corrupt' }, text);
  }
});

row(
  'the answer of QueryMissing',
  queryMissing.response,
  context(38),
  { willBuild: [drv], willSubstitute: [foo], unknown: [], downloadSize: 5, narSize: 7 },
  int(1),
  str(drvText),
  int(1),
  str(fooText),
  int(0),
  int(5),
  int(7),
);
const substitutable = { deriver: drv, references: [foo], downloadSize: 5, narSize: 7 };
const substitutableParts = [str(drvText), int(1), str(fooText), int(5), int(7)];
row(
  'the answer of QuerySubstitutablePathInfo',
  querySubstitutablePathInfo.response,
  context(38),
  substitutable,
  int(1),
  ...substitutableParts,
);
row(
  'the answer of QuerySubstitutablePathInfos',
  querySubstitutablePathInfos.response,
  context(38),
  [{ path: foo, ...substitutable }],
  int(1),
  str(fooText),
  ...substitutableParts,
);
row(
  'the request of QuerySubstitutablePathInfos',
  querySubstitutablePathInfos.request,
  context(22),
  [{ path: foo, ca: { method: 'flat', hash } }, { path: drv }],
  int(2),
  str(fooText),
  str(`fixed:sha256:${nix32()}`),
  str(drvText),
  str(''),
);
row(
  'the request of QuerySubstitutablePathInfos',
  querySubstitutablePathInfos.request,
  context(21),
  [{ path: foo }],
  int(1),
  str(fooText),
);

const built: BuildResult = { status: 'Built', errorMessage: '' };
const times = { timesBuilt: 3, isNonDeterministic: true, startTime: 30, stopTime: 50 };
const timesParts = [int(3), int(1), int(30), int(50)];
const processor = { cpuUserMicroseconds: 500, cpuSystemMicroseconds: 600 };
const outputs = [{ name: 'out', path: foo, signatures: [] }];
const id = `sha256:${'0'.repeat(64)}!out`;
const json = `{"dependentRealisations":{},"id":"${id}","outPath":"${foo}","signatures":[]}`;
row('a build result', workerBuildResult, context(27), built, int(0), str(''));
row(
  'a build result',
  workerBuildResult,
  context(28),
  { ...built, builtOutputs: outputs },
  int(0),
  str(''),
  int(1),
  str(id),
  str(json),
);
row(
  'a build result',
  workerBuildResult,
  context(29),
  { status: 'TimedOut', errorMessage: 'slow', ...times, builtOutputs: [] },
  int(8),
  str('slow'),
  ...timesParts,
  int(0),
);
row(
  'a build result',
  workerBuildResult,
  context(37),
  { ...built, ...times, ...processor, builtOutputs: outputs },
  int(0),
  str(''),
  ...timesParts,
  int(1),
  int(500),
  int(1),
  int(600),
  int(1),
  str(id),
  str(json),
);
row(
  'a build result',
  workerBuildResult,
  context(38, realisationWithPath),
  {
    ...built,
    ...times,
    builtOutputs: [{ name: 'out', path: foo, signatures: ['a:b'] }],
  },
  int(0),
  str(''),
  ...timesParts,
  int(0),
  int(0),
  int(1),
  str('out'),
  str(fooText),
  int(1),
  str('a:b'),
);
row(
  'the answer of BuildPathsWithResults',
  buildPathsWithResults.response,
  context(34),
  [
    {
      target: { kind: 'opaque', path: foo },
      result: { ...built, ...times, builtOutputs: [] },
    },
  ],
  int(1),
  str(fooText),
  int(0),
  str(''),
  ...timesParts,
  int(0),
);

const hashedId = { drvHash: hash, output: 'out' };
const hashedText = `sha256:${base16}!out`;
const hashed = {
  id: hashedId,
  path: foo,
  signatures: ['a:b'],
  dependentRealisations: new Map([[`sha256:${base16}!dev`, String(foo)]]),
};
const hashedJson = `{"dependentRealisations":{"sha256:${base16}!dev":"${foo}"},"id":"${hashedText}","outPath":"${foo}","signatures":["a:b"]}`;
row(
  'the request of RegisterDrvOutput',
  registerBareDrvOutput.request,
  context(27),
  { id: hashedId, path: foo },
  str(hashedText),
  str(foo),
);
row(
  'the request of RegisterDrvOutput',
  registerHashedDrvOutput.request,
  context(31),
  hashed,
  str(hashedJson),
);
row(
  'the request of RegisterDrvOutput',
  registerDrvOutput.request,
  context(38, realisationWithPath),
  { id: { drv, output: 'out' }, path: foo, signatures: ['a:b'] },
  str(drvText),
  str('out'),
  str(fooText),
  int(1),
  str('a:b'),
);
row(
  'the answer of QueryRealisation',
  queryBareRealisation.response,
  context(27),
  [foo],
  int(1),
  str(fooText),
);
row(
  'the answer of QueryRealisation',
  queryHashedRealisation.response,
  context(31),
  [hashed],
  int(1),
  str(hashedJson),
);
row(
  'the answer of QueryRealisation',
  queryRealisation.response,
  context(38, realisationWithPath),
  { path: foo, signatures: [] },
  int(1),
  str(fooText),
  int(0),
);

test('signatures in realisations may have the name of their key apart', async () => {
  const text = `{"id":"${hashedText}","outPath":"${foo}","signatures":[{"keyName":"b","sig":"x"},"a:y",7]}`;
  const bytes = fromHexLines(inHex(str(text)));
  const read = await readValue(registerHashedDrvOutput.request, bytes, context(34));
  assert.deepEqual(read.signatures, ['a:y', 'b:x']);
  assert.equal(read.dependentRealisations.size, 0);
});

test('what is no realisation is refused', async () => {
  for (const text of ['', '7', 'null', '{}', '{"id":"x","outPath":"y"}', '{"id":7}']) {
    const bytes = fromHexLines(inHex(str(text)));
    await assert.rejects(
      readValue(registerHashedDrvOutput.request, bytes, context(34)),
      (error) => isFerryError(error, 'corrupt'),
      text,
    );
  }
});

const noLimit = int(2n ** 64n - 1n);
row(
  'the request of CollectGarbage',
  collectGarbage.request,
  context(38),
  { action: 'delete-specific', paths: [foo], ignoreLiveness: false, maxFreed: undefined },
  int(3),
  int(1),
  str(fooText),
  int(0),
  noLimit,
  int(0),
  int(0),
  int(0),
);
row(
  'the request of CollectGarbage for the whole store',
  collectGarbage.request,
  context(34),
  { action: 'delete-dead', ignoreLiveness: false, maxFreed: 1000 },
  int(2),
  int(0),
  int(0),
  int(1000),
  int(0),
  int(0),
  int(0),
);
row(
  'the request of CollectGarbage for the whole store',
  collectGarbage.request,
  context(38, deleteDeadSpecificReferrers),
  { action: 'return-live', ignoreLiveness: false, maxFreed: undefined },
  int(0),
  int(1),
  int(0),
  noLimit,
  int(0),
  int(0),
  int(0),
);
row(
  'the request of CollectGarbage',
  collectGarbage.request,
  context(38, deleteDeadSpecificReferrers),
  {
    action: 'return-dead',
    paths: [foo],
    deleteReferrers: true,
    ignoreLiveness: true,
    maxFreed: 0,
  },
  int(1),
  int(0),
  int(1),
  str(fooText),
  int(1),
  int(1),
  int(0),
  int(0),
  int(0),
  int(0),
);
row(
  'the answer of CollectGarbage',
  collectGarbage.response,
  context(38),
  { paths: [fooText, '/nix/store/trash'], bytesFreed: 7 },
  int(2),
  str(fooText),
  str('/nix/store/trash'),
  int(7),
  int(0),
);
row(
  'the answer of FindRoots',
  findRoots.response,
  context(38),
  [{ link: '{censored}', target: foo }],
  int(1),
  str('{censored}'),
  str(fooText),
);
row(
  'the request of VerifyStore',
  verifyStore.request,
  context(38),
  { checkContents: true, repair: false },
  int(1),
  int(0),
);
row(
  'the request of SetOptions',
  setOptions.request,
  context(38),
  {
    keepFailed: false,
    keepGoing: true,
    tryFallback: false,
    verbosity: 3,
    maxBuildJobs: 4,
    maxSilentTime: 5,
    verboseBuild: false,
    buildCores: 6,
    useSubstitutes: true,
    overrides: new Map([['substituters', 'https://a']]),
  },
  ...[0, 1, 0, 3, 4, 5, 1, 7, 0, 0, 6, 1, 1].map((value) => int(value)),
  str('substituters'),
  str('https://a'),
);

test('every number that Nix has stands in the table, and no two rows answer to one', () => {
  const numbers = [
    1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 18, 19, 20, 21, 22, 23, 26, 27, 28, 29, 30, 31,
    32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 1000, 1001,
  ];
  assert.deepEqual([...new Set(workerOperations.map((row) => row.number))], numbers);
  const featureSets = [[], workerFeatures, ['submit-output', 'add-to-store-scanning']];
  for (let minor = 10; minor <= 38; minor++) {
    for (const features of featureSets) {
      const at = context(minor, ...features);
      const spoken = workerOperations.filter((row) => isSpoken(row, at)).map((row) => row.number);
      assert.deepEqual(spoken, [...new Set(spoken)], `1.${minor} with ${features.join(' ')}`);
    }
  }
});

test('the form of an operation follows version and features', () => {
  const formAt = (number: number, minor: number, ...features: readonly string[]) =>
    findWorkerOperation(number, context(minor, ...features));
  assert.equal(formAt(39, 20)?.requestStream, 'plain');
  assert.equal(formAt(39, 22)?.requestStream, 'pulled');
  assert.equal(formAt(39, 23)?.requestStream, 'framed');
  assert.equal(formAt(44, 31), undefined);
  assert.equal(formAt(44, 32)?.name, 'AddMultipleToStore');
  assert.equal(formAt(43, 38), queryHashedRealisation);
  assert.equal(formAt(43, 38, realisationWithPath), queryRealisation);
  assert.equal(formAt(43, 30), queryBareRealisation);
  assert.equal(formAt(43, 26), undefined);
  assert.equal(formAt(1000, 38), undefined);
  assert.equal(formAt(2, 38), undefined);
  assert.equal(workerVersion, v(38));
});

test('what is written of any info is read again', async () => {
  const time = fc.option(fc.integer({ min: 1, max: 2 ** 31 }), { nil: undefined });
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,20}$/), { maxLength: 10 });
  const property = fc.asyncProperty(
    names,
    names,
    time,
    fc.nat(),
    fc.boolean(),
    async (signers, refs, registrationTime, narSize, ultimate) => {
      const references = refs.map((name): StorePath => `${foo.slice(0, 33)}${name}` as StorePath);
      const value: PathInfo = {
        path: foo,
        narHash: hash,
        narSize,
        references: references.sort(),
        signatures: signers.map((name) => `${name}:x`).sort(),
        ultimate,
        ...(registrationTime === undefined ? {} : { registrationTime }),
      };
      const written = writeValue(addMultipleInfo, value, context(38));
      assert.deepEqual(await readValue(addMultipleInfo, written, context(38), 3), value);
    },
  );
  await fc.assert(property, { numRuns: 50 });
});

test('nothing is read past its limit, and what is cut short is refused', async () => {
  const hostile: readonly (readonly [string, Pick<Codec<unknown>, 'read'>, string])[] = [
    ['features without end', featureNames, int(2 ** 40)],
    ['a feature without end', featureNames, inHex(int(1), int(2 ** 40))],
    ['a level of trust', serverGreeting, inHex(str('x'), int(3))],
    ['neither there nor not', queryPathInfo.response, int(2)],
    ['paths without end', queryAllValidPaths.response, int(2 ** 40)],
    ['a path elsewhere', queryAllValidPaths.response, inHex(int(1), str('/tmp/x'))],
    ['an action', collectGarbage.request, int(4)],
    ['outputs within outputs', submitOutput.request, int(1).repeat(200)],
    ['overrides without end', setOptions.request, inHex(int(0).repeat(12), int(2 ** 40))],
    ['a build mode', buildPaths.request, inHex(int(0), int(3))],
  ];
  for (const [name, codec, hex] of hostile) {
    const bytes = fromHexLines(hex);
    await assert.rejects(
      async () => codec.read(new ByteReader(once(bytes)), context(38)),
      (error) => isFerryError(error, 'corrupt'),
      name,
    );
  }
  const request = { info, repair: false, dontCheckSigs: false };
  const whole = writeValue(addToStoreNar.request, request, context(38));
  for (let size = 0; size < whole.length; size++) {
    const reader = new ByteReader(once(whole.subarray(0, size)));
    await assert.rejects(async () => addToStoreNar.request.read(reader, context(38)), {
      code: 'corrupt',
    });
  }
});

test('a limit that is not one reads as none', async () => {
  const writer = new ByteWriter();
  const request = { action: 'delete-dead', ignoreLiveness: false } as const;
  collectGarbage.request.write(writer, request, context(38));
  const read = await readValue(collectGarbage.request, writer.take(), context(38));
  assert.equal(read.maxFreed, undefined);
});

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}
