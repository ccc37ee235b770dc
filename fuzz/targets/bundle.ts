/** Bundles: whole ones say the same in every chunking, manifests are read as they were written, parts have headers. */
import assert from 'node:assert/strict';
import { FrameEncoder } from '../../src/format/bundle/frame-encoder.ts';
import { encodeEnd, encodeHeader, sealOf, sha256 } from '../../src/format/bundle/layout.ts';
import { bundleMagic, bundlePartMagic, isBundle } from '../../src/format/bundle/magic.ts';
import {
  formatManifest,
  parseManifest,
  type BundleManifest,
} from '../../src/format/bundle/manifest.ts';
import { decodePartHeader, encodePartHeader } from '../../src/format/bundle/part.ts';
import { BundleReader } from '../../src/format/bundle/reader.ts';
import { defaultStoreDir } from '../../src/format/store-path.ts';
import { samplePath } from '../../test/conformance/nars.ts';
import { cutRandomly } from '../random.ts';
import { asyncOutcomeOf, outcomeOf, type FuzzTarget } from '../target.ts';

const a = samplePath('a');
const b = samplePath('b', [a.info.path]);
const manifest: BundleManifest = {
  storeDir: defaultStoreDir,
  compression: 'none',
  level: 0,
  roots: [b.info.path],
  presupposed: [],
  infos: [a.info, b.info],
};
const text = formatManifest(manifest);
const encoder = new TextEncoder();

const bundle: FuzzTarget = {
  name: 'bundle',
  seeds: [
    encoder.encode(text),
    sealed(encoder.encode(text)),
    sealed(encoder.encode(formatManifest({ ...manifest, infos: [a.info], roots: [] }))),
  ],
  dictionary: [bundleMagic, encoder.encode('Presupposed: '), encoder.encode('\n\n')],
  check: async (input, random) => {
    // Checksums let nothing through but what was written: what is text gets those that it should have.
    const bytes = isBundle(input) ? input : sealed(input);
    const codes = ['corrupt', 'unsupported'] as const;
    const whole = await asyncOutcomeOf(() => read([bytes]), codes);
    const cut = await asyncOutcomeOf(() => read(cutRandomly(bytes, random)), codes);
    assert.deepEqual(cut, whole);
  },
};

/** A bundle with this for a manifest, and the two frames. */
function sealed(manifest: Uint8Array): Uint8Array {
  const header = encodeHeader(Buffer.from(manifest).toString('utf8'));
  const frames: Uint8Array[] = [];
  const entries = [a, b].map(({ nar }, number) => {
    const entry = { fileSize: nar.length, fileHash: sha256(nar) };
    const frame = new FrameEncoder(header.id, number);
    frames.push(...frame.push(nar), ...frame.end(entry));
    assert.deepEqual(frames.at(-1), sealOf(header.id, number, entry.fileHash));
    return entry;
  });
  return Buffer.concat([header.bytes, ...frames, encodeEnd(header.id, entries)]);
}

async function read(pieces: readonly Uint8Array[]): Promise<unknown> {
  const reader = await BundleReader.open(
    (async function* () {
      yield* pieces;
    })(),
  );
  const sizes: number[] = [];
  for await (const frame of reader.frames()) {
    let size = 0;
    for await (const chunk of frame.bytes) size += chunk.length;
    sizes.push(size);
  }
  return { manifest: reader.manifest, sizes, offset: reader.offset };
}

const manifests: FuzzTarget = {
  name: 'bundle-manifest',
  seeds: [
    encoder.encode(text),
    encoder.encode(formatManifest({ ...manifest, presupposed: [a.info.path], infos: [b.info] })),
  ],
  dictionary: [
    'StoreDir: /nix/store\n',
    'Compression: xz\n',
    'Level: -1\n',
    'Paths: 0\n',
    `Root: ${a.info.path}\n`,
    `Presupposed: ${a.info.path}\n`,
    `References: ${a.info.path}\n`,
    'URL: 0\n',
    '\n\n',
  ].map((each) => encoder.encode(each)),
  check: (input) => {
    const { value } = outcomeOf(
      () => parseManifest(Buffer.from(input).toString('utf8')),
      ['corrupt', 'unsupported'],
    );
    if (value === undefined) return;
    // What is accepted means the same once it is written again.
    const sorted = {
      ...value,
      roots: value.roots.toSorted(),
      presupposed: value.presupposed.toSorted(),
    };
    assert.deepEqual(parseManifest(formatManifest(value)), sorted);
  },
};

const part = {
  id: sha256(Buffer.of(1)),
  number: 2,
  isLast: true,
  offset: 9,
  size: 7,
  hash: sha256(Buffer.of()),
};

const parts: FuzzTarget = {
  name: 'bundle-part',
  seeds: [encodePartHeader(part), encodePartHeader({ ...part, number: 1, offset: 0 })],
  dictionary: [bundlePartMagic],
  check: (input) => {
    const headed = Buffer.concat([input.subarray(0, -32), sha256(input.subarray(0, -32))]);
    for (const bytes of [input, headed]) {
      const { value } = outcomeOf(() => decodePartHeader(bytes), ['corrupt', 'unsupported']);
      if (value === undefined) continue;
      assert.deepEqual(Buffer.from(encodePartHeader(value)), Buffer.from(bytes.subarray(0, 152)));
    }
  },
};

export const bundleTargets: readonly FuzzTarget[] = [bundle, manifests, parts];
