/** What binary caches say of themselves and of paths, and the names of their files. */
import assert from 'node:assert/strict';
import { formatCacheInfo, parseCacheInfo } from '../../src/format/cache-info.ts';
import { addToNarInfo, formatNarInfo, parseNarInfo } from '../../src/format/narinfo.ts';
import { isSignature } from '../../src/format/signature.ts';
import { defaultStoreDir } from '../../src/format/store-path.ts';
import { isObjectKey } from '../../src/store/cache/object-key.ts';
import { resolve } from 'node:path';
import { outcomeOf, type FuzzTarget } from '../target.ts';

const hashPart = 'q790zdjk75hm2cn42nh77pqw4gbv1b88';
const narHash = 'sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s';
const signature = `cache.example.org-1:${Buffer.alloc(64).toString('base64')}`;
const other = `new-1:${Buffer.alloc(64, 1).toString('base64')}`;

const lines = [
  `StorePath: /nix/store/${hashPart}-hello.txt`,
  `URL: nar/${narHash.slice('sha256:'.length)}.nar.xz`,
  'Compression: xz',
  `FileHash: ${narHash}`,
  'FileSize: 50088',
  `NarHash: ${narHash}`,
  'NarSize: 226552',
  `References: ${hashPart}-hello.txt`,
  `Deriver: ${hashPart}-hello.txt.drv`,
  `Sig: ${signature}`,
  `CA: fixed:r:${narHash}`,
].map((line) => `${line}\n`);

const bytes = (text: string): Uint8Array => Buffer.from(text);

/** What is accepted is written as something that reads the same; signatures can be added to any of it. */
const narInfoTarget: FuzzTarget = {
  name: 'narinfo',
  seeds: [lines.join(''), lines.filter((line) => /^(StorePath|URL|Nar)/.test(line)).join('')].map(
    bytes,
  ),
  dictionary: [...lines, ': ', ':', '\n', '\r\n', 'unknown-deriver', '0', 'References: \n'].map(
    bytes,
  ),
  check: (input) => {
    const text = Buffer.from(input).toString('utf8');
    const { value } = outcomeOf(() => parseNarInfo(text, defaultStoreDir));
    if (value === undefined) return;
    const again = formatNarInfo(value, defaultStoreDir);
    assert.deepEqual(parseNarInfo(again, defaultStoreDir), value);
    assert.ok(value.info.signatures.every(isSignature));
    const signed = parseNarInfo(addToNarInfo(text, [other]), defaultStoreDir);
    const signatures = [...new Set([...value.info.signatures, other])].sort();
    assert.deepEqual(signed, { ...value, info: { ...value.info, signatures } });
  },
};

const cacheInfoTarget: FuzzTarget = {
  name: 'nix-cache-info',
  seeds: ['StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n', 'StoreDir: /nix/store\n'].map(
    bytes,
  ),
  dictionary: ['StoreDir: ', 'WantMassQuery: ', 'Priority: ', '-', '1', ':', '\n', '\r'].map(bytes),
  check: (input) => {
    const text = Buffer.from(input).toString('utf8');
    const { value } = outcomeOf(() => parseCacheInfo(text));
    if (value === undefined) return;
    assert.deepEqual(parseCacheInfo(formatCacheInfo(value)), value);
  },
};

/** Whatever a narinfo has as its URL: no key leads out of the cache, or means another file than it says. */
const objectKeyTarget: FuzzTarget = {
  name: 'object-key',
  seeds: ['nar/x.nar.xz', '../x', '/x', 'a/./b', 'https://example.org/x?y=%2e%2e/'].map(bytes),
  dictionary: ['..', '.', '/', '\\', '\0', '%2e', '//', '~'].map(bytes),
  check: (input) => {
    const key = Buffer.from(input).toString('utf8');
    if (isObjectKey(key)) assert.equal(resolve('/cache', key), `/cache/${key}`);
  },
};

export const cacheTargets: readonly FuzzTarget[] = [
  narInfoTarget,
  cacheInfoTarget,
  objectKeyTarget,
];
