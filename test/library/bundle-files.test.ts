import assert from 'node:assert/strict';
import {
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename } from 'node:path';
import { after, test } from 'node:test';
import { sampleClosure, samplePath } from '../conformance/nars.ts';
import { bundleOf, chunked, flipped } from '../support/bundles.ts';
import { makeTempDirectory } from '../support/temp.ts';
import { encodeHeader, frameBytes, type BundleHeader } from '../../src/format/bundle/layout.ts';
import { formatManifest } from '../../src/format/bundle/manifest.ts';
import { hashBytes } from '../../src/format/hash.ts';
import { openBundleFiles, partBytesMin } from '../../src/store/bundle/bundle-files.ts';
import { openBundleStore } from '../../src/store/bundle/bundle-store.ts';
import { joinParts } from '../../src/store/bundle/part-stream.ts';

const temp = makeTempDirectory({ ram: true });
after(() => temp[Symbol.dispose]());
let count = 0;
const next = (): string => temp.join(`${count++}.bundle`);

function noise(size: number): string {
  const parts = Array.from({ length: size / 64 }, (_, index) =>
    hashBytes('sha256', `${size}${index}`),
  );
  return parts.map(({ digest }) => Buffer.from(digest).toString('hex')).join('');
}

const { a, b, c, d } = sampleClosure();
const { bytes, plan } = await bundleOf([a, b, c, d]);
const header = encodeHeader(formatManifest(plan.manifest));
/** Where each frame ends. */
const ends = plan.manifest.infos.reduce(
  (found, { narSize }) => [...found, (found.at(-1) ?? 0) + frameBytes(narSize)],
  [header.bytes.length],
);
/** Of many parts. */
const big = await bundleOf([
  a,
  samplePath('big', [], noise(300_000)),
  samplePath('big2', [], noise(64_000)),
]);
const bigHeader = encodeHeader(formatManifest(big.plan.manifest));

interface Written {
  readonly found: string;
  readonly done: number;
  readonly names: readonly string[];
}

/** Writes what is not there yet, as an export would. */
async function write(
  file: string,
  {
    of = { header, bytes, ends },
    partBytes,
    until = Number.POSITIVE_INFINITY,
  }: {
    of?: { header: BundleHeader; bytes: Uint8Array; ends?: readonly number[] };
    partBytes?: number;
    /** Bytes after which it is interrupted. */
    until?: number;
  } = {},
): Promise<Written> {
  await using files = await openBundleFiles(file, of.header, { partBytes });
  const { found, done } = files;
  const kept = done.reduce(
    (sum, { fileSize }) => sum + frameBytes(fileSize),
    of.header.bytes.length,
  );
  const start = found === 'beginning' ? kept : 0;
  for await (const chunk of chunked(of.bytes.subarray(start, until), 10_000))
    await files.write(chunk);
  const names = until === Number.POSITIVE_INFINITY ? await files.commit() : [];
  return { found, done: done.length, names };
}

const there = (file: string): string[] =>
  readdirSync(temp.path)
    .filter((name) => name.startsWith(basename(file)))
    .sort();

test('a bundle has its name when it is whole, and not before', async () => {
  const file = next();
  await write(file, { until: bytes.length });
  assert.deepEqual(there(file), [`${basename(file)}.part`]);
  assert.deepEqual(await write(file), { found: 'beginning', done: 4, names: [file] });
  assert.deepEqual(there(file), [basename(file)]);
  assert.equal(readFileSync(file).equals(bytes), true);
});

test('an export that was interrupted anywhere goes on after the last frame that is whole', async () => {
  for (let until = 1; until < bytes.length; until += until < 5000 ? 97 : 7919) {
    const file = next();
    await write(file, { until });
    const { found, done } = await write(file);
    const whole = ends.filter((end) => end <= until).length - 1;
    assert.equal(found, whole < 0 ? 'nothing' : 'beginning', `${until}`);
    assert.equal(done, Math.max(whole, 0), `${until}`);
    assert.equal(readFileSync(file).equals(bytes), true, `${until}`);
  }
});

test('what was damaged meanwhile is written anew', async () => {
  const file = next();
  writeFileSync(`${file}.part`, flipped(bytes, ((ends[2] ?? 0) + 50) * 8));
  assert.deepEqual(await write(file), { found: 'beginning', done: 2, names: [file] });
  assert.equal(readFileSync(file).equals(bytes), true);
});

test('what is of another closure, or nothing of ours, is not gone on with', async () => {
  for (const earlier of [big.bytes, Buffer.from('something else'), Buffer.alloc(100_000)]) {
    const file = next();
    writeFileSync(`${file}.part`, earlier);
    assert.deepEqual(await write(file), { found: 'another', done: 0, names: [file] });
    assert.equal(readFileSync(file).equals(bytes), true);
  }
});

const partBytes = partBytesMin;
const of = { header: bigHeader, bytes: big.bytes };

test('parts are of their size but for the last, and are the bundle again', async () => {
  const file = next();
  const { names } = await write(file, { of, partBytes });
  assert.deepEqual(
    names,
    [1, 2, 3, 4, 5, 6, 7, 8].slice(0, names.length).map((n) => `${file}.00${n}`),
  );
  assert.deepEqual(
    there(file),
    names.map((name) => basename(name)),
  );
  for (const name of names.slice(0, -1)) assert.equal(statSync(name).size, partBytes);
  const all = Buffer.concat(names.map((name) => readFileSync(name)));
  assert.equal((await collect(joinParts(chunked(all, 777)))).equals(big.bytes), true);
  await using store = await openBundleStore(names.toReversed());
  assert.deepEqual(store.volumes.names, names);
  assert.equal(store.uri, `bundle://${file}`);
  assert.equal((await collect(store.volumes.stream())).equals(big.bytes), true);
  assert.deepEqual(await store.volumes.damagedParts(AbortSignal.any([]), () => {}), []);
  for (const one of [names.slice(0, 1), names.slice(2, 3), [file]]) {
    await using found = await openBundleStore(one);
    assert.deepEqual(found.volumes.names, names, 'the others are looked for');
  }
});

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(new Uint8Array(chunk));
  return Buffer.concat(all);
}

test('parts that were interrupted go on, and their headers are right', async () => {
  const whole = next();
  const { names } = await write(whole, { of, partBytes });
  for (let until = 100; until < big.bytes.length; until += 37_003) {
    const file = next();
    await write(file, { of, partBytes, until });
    assert.ok(there(file).every((name) => name.endsWith('.part')));
    const again = await write(file, { of, partBytes });
    assert.equal(again.names.length, names.length);
    for (const [index, name] of again.names.entries()) {
      assert.equal(readFileSync(name).equals(readFileSync(names[index] ?? '')), true, `${until}`);
    }
    assert.equal(there(file).length, names.length, 'nothing else is left');
  }
});

test('parts of another size are not gone on with past where they differ', async () => {
  const file = next();
  await write(file, { of, partBytes: 2 * partBytes, until: 250_000 });
  const { names } = await write(file, { of, partBytes });
  assert.deepEqual(
    there(file),
    names.map((name) => basename(name)),
  );
  await using store = await openBundleStore([file]);
  assert.equal((await collect(store.volumes.stream())).equals(big.bytes), true);
});

test('parts of an older export of more of them are gone', async () => {
  const file = next();
  const { names } = await write(file, { of, partBytes });
  assert.ok(names.length > 3);
  await write(file, { of, partBytes: 4 * partBytes });
  assert.ok(there(file).length < names.length);
  await using store = await openBundleStore([`${file}.001`]);
  assert.equal(store.volumes.size, big.bytes.length);
});

test('what is missing, foreign or damaged among parts is named', async () => {
  const file = next();
  const { names } = await write(file, { of, partBytes });
  const [one = '', two = '', three = ''] = names;
  await assert.rejects(openBundleStore([one, three]), {
    code: 'not-found',
    message: new RegExp(`part 2 .*"${file}.002"`),
  });
  await assert.rejects(openBundleStore([one, ...names]), { code: 'usage', message: /same part/ });
  const small = next();
  await write(small, { partBytes: 4 * partBytes });
  await assert.rejects(openBundleStore([...names, `${small}.001`]), {
    code: 'usage',
    message: new RegExp(`"${small}.001" is a part of another bundle`),
  });
  const wholeFile = next();
  await write(wholeFile);
  await assert.rejects(openBundleStore([one, wholeFile]), {
    code: 'usage',
    message: /whole bundle/,
  });
  await assert.rejects(openBundleStore([wholeFile, one]), {
    code: 'usage',
    message: /whole bundle/,
  });
  writeFileSync(two, flipped(readFileSync(two), 40_000 * 8));
  await using store = await openBundleStore(names);
  assert.deepEqual(await store.volumes.damagedParts(AbortSignal.any([]), () => {}), [two]);
  writeFileSync(two, readFileSync(two).subarray(0, 30_000));
  await assert.rejects(openBundleStore(names), {
    code: 'corrupt',
    path: two,
    message: /30000 bytes instead of/,
  });
});

test('parts in a pipe come in their order', async () => {
  const file = next();
  const { names } = await write(file, { of, partBytes });
  const join = async (wanted: readonly string[]): Promise<Buffer> =>
    collect(joinParts(chunked(Buffer.concat(wanted.map((name) => readFileSync(name))), 5000)));
  assert.equal((await join(names)).equals(big.bytes), true);
  await assert.rejects(join(names.slice(1)), {
    code: 'corrupt',
    message: /part 2 comes where part 1/,
  });
  await assert.rejects(join(names.slice(0, -1)), { code: 'corrupt', message: /end of input/ });
  await assert.rejects(join([...names, ...names]), { code: 'corrupt', message: /follows after/ });
});

test('two exports do not write the same file at a time', async () => {
  const file = next();
  await using first = await openBundleFiles(file, header);
  await assert.rejects(openBundleFiles(file, header), {
    code: 'conflict',
    message: /another process/,
  });
  assert.equal(first.found, 'nothing');
});

test('what is no regular file is not replaced, and no link followed', async () => {
  await assert.rejects(openBundleFiles('/dev/null', header), {
    code: 'usage',
    message: /regular file/,
  });
  await assert.rejects(openBundleFiles(temp.path, header), {
    code: 'usage',
    message: /regular file/,
  });
  const file = next();
  symlinkSync('/etc/passwd', `${file}.part`);
  await assert.rejects(openBundleFiles(file, header), { code: 'denied' });
  await assert.rejects(openBundleFiles(temp.join('no', 'directory'), header), {
    code: 'not-found',
  });
});

test('parts of no sensible size are refused', async () => {
  const file = next();
  for (const size of [0, 1, partBytesMin - 1, 1.5 * partBytesMin + 0.5]) {
    await assert.rejects(openBundleFiles(file, header, { partBytes: size }), { code: 'usage' });
  }
  assert.equal(existsSync(`${file}.001.part`), false);
});
