/** The short texts of Nix: what is accepted is printed as it was, or read again as the same. */
import assert from 'node:assert/strict';
import { decodeBase16, encodeBase16 } from '../../src/bytes/base16.ts';
import { decodeBase64, encodeBase64 } from '../../src/bytes/base64.ts';
import { decodeNix32, encodeNix32 } from '../../src/bytes/nix32.ts';
import { formatContentAddress, parseContentAddress } from '../../src/format/content-address.ts';
import { formatHash, parseHash } from '../../src/format/hash.ts';
import { formatListing, parseListing } from '../../src/format/nar/listing.ts';
import {
  formatPublicKey,
  formatSecretKey,
  isSignature,
  parsePublicKey,
  parseSecretKey,
} from '../../src/format/signature.ts';
import { defaultStoreDir, parseStorePath, printStorePath } from '../../src/format/store-path.ts';
import type { ErrorCode } from '../../src/error.ts';
import { outcomeOf, type FuzzTarget } from '../target.ts';

interface TextTarget<T> {
  readonly seeds: readonly string[];
  readonly dictionary?: readonly string[];
  readonly parse: (text: string) => T;
  readonly format: (value: T) => string;
  /** Whether there is one spelling alone. */
  readonly isCanonical?: boolean;
  readonly codes?: readonly ErrorCode[];
}

function textTarget<T>(name: string, target: TextTarget<T>): FuzzTarget {
  const { seeds, dictionary = [], parse, format, isCanonical = false, codes } = target;
  return {
    name,
    seeds: seeds.map((text) => Buffer.from(text)),
    dictionary: [':', '-', '/', '.', '=', ' ', '\n', '\0', 'e', ...dictionary].map((text) =>
      Buffer.from(text),
    ),
    check: (input) => {
      const text = Buffer.from(input).toString('utf8');
      const { value } = outcomeOf(() => parse(text), codes);
      if (value === undefined) return;
      const again = format(value);
      if (isCanonical) assert.equal(again, text);
      assert.equal(format(parse(again)), again);
    },
  };
}

const hashPart = 'q790zdjk75hm2cn42nh77pqw4gbv1b88';
const hashes = [
  'sha256:0a430879c266f8b57f4092a0f935cf3facd48bbccde5760d4748ca405171e969',
  'sha256:0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk84j81zvby36q9whhhqa',
  'sha256-CkMIecJm+LV/QJKg+TXPP6zUi7zN5XYNR0jKQFFx6Wk=',
  'md5:5d41402abc4b2a76b9719d911017c592',
  'sha1:aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d',
];
const zeros = (count: number): string => Buffer.alloc(count).toString('base64');

export const textTargets: readonly FuzzTarget[] = [
  textTarget('nix32', {
    seeds: ['', hashPart, '0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk84j81zvby36q9whhhqa', '00'],
    parse: decodeNix32,
    format: encodeNix32,
    isCanonical: true,
  }),
  textTarget('base16', {
    seeds: ['', '00ff', 'ABCDEF'],
    parse: decodeBase16,
    format: encodeBase16,
  }),
  textTarget('base64', {
    seeds: ['', 'AA==', 'AAA=', 'AAAA', '+/+/'],
    parse: decodeBase64,
    format: encodeBase64,
    isCanonical: true,
  }),
  textTarget('hash', { seeds: hashes, parse: (text) => parseHash(text), format: formatHash }),
  textTarget('store-path', {
    seeds: [`/nix/store/${hashPart}-hello.txt`, `/nix/store//${hashPart}-x/./`],
    dictionary: [hashPart, '/../', '/./', '//', '.-'],
    parse: (text) => parseStorePath(defaultStoreDir, text),
    format: (path) => printStorePath(defaultStoreDir, path),
  }),
  textTarget('content-address', {
    seeds: hashes.flatMap((hash) => [`text:${hash}`, `fixed:${hash}`, `fixed:r:${hash}`]),
    dictionary: ['fixed:', 'r:', 'git:', 'text:', ...hashes],
    parse: parseContentAddress,
    format: formatContentAddress,
    // Hashing as Git does is understood, and not supported.
    codes: ['corrupt', 'unsupported'],
  }),
  textTarget('public-key', {
    seeds: [`cache.example.org-1:${zeros(32)}`],
    parse: parsePublicKey,
    format: formatPublicKey,
  }),
  textTarget('secret-key', {
    seeds: [`cache.example.org-1:${zeros(64)}`],
    parse: parseSecretKey,
    format: formatSecretKey,
  }),
  textTarget('signature', {
    seeds: [`cache.example.org-1:${zeros(64)}`],
    parse: (text) => (isSignature(text) ? text : ''),
    format: (text) => text,
  }),
  textTarget('listing', {
    seeds: [
      '{"root":{"entries":{"a":{"executable":true,"narOffset":400,"size":12,"type":"regular"},"l":{"target":"a","type":"symlink"}},"type":"directory"},"version":1}',
      '{"version":1,"root":{"type":"regular","size":5}}',
    ],
    dictionary: ['"__proto__":', '"entries":{', '"type":"directory"', '{', '}', '[', 'null', '1e9'],
    parse: parseListing,
    format: formatListing,
  }),
];
