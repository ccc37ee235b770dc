import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { hashBytes } from './hash.ts';
import type { PathInfo } from './path-info.ts';
import { formatRegistration, RegistrationReader, type PathRegistration } from './registration.ts';
import { defaultStoreDir, parseStoreDir, type StorePath } from './store-path.ts';

const a = 'q790zdjk75hm2cn42nh77pqw4gbv1b88-a' as StorePath;
const b = '5b9s2gkbd3v7p90hqixp9yinn3rnd8ll-b-1.0' as StorePath;
const drv = '0i2jkl9k8y5k8s5gpwfbkdkxxr7ga30d-a.drv' as StorePath;
const zeros = '0'.repeat(64);
const full = (path: string): string => `/nix/store/${path}`;

function read(text: string | Uint8Array, hasHashes = true, step = Infinity): PathRegistration[] {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  const reader = new RegistrationReader(defaultStoreDir, { hasHashes });
  const records: PathRegistration[] = [];
  for (let at = 0; at < bytes.length; at += step) {
    records.push(...reader.push(bytes.subarray(at, Math.min(at + step, bytes.length))));
  }
  reader.finish();
  return records;
}

const lines = (...parts: readonly string[]): string => parts.map((line) => `${line}\n`).join('');
const plain = lines(full(a), zeros, '120', '', '0');

describe('registrations', () => {
  test('are printed as Nix prints them', () => {
    const narHash = hashBytes('sha256', 'x');
    const info = { narHash, narSize: 120, signatures: [] };
    assert.equal(
      formatRegistration(defaultStoreDir, { ...info, path: b, deriver: drv, references: [a, b] }),
      lines(
        full(b),
        '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881',
        '120',
        full(drv),
        '2',
        full(a),
        full(b),
      ),
    );
    assert.match(
      formatRegistration(parseStoreDir('/gnu/store'), { ...info, path: a, references: [] }),
      /^\/gnu\/store\/.*\n.*\n120\n\n0\n$/,
    );
  });

  test('are read with and without hashes', () => {
    assert.deepEqual(read(plain), [
      {
        path: a,
        nar: { hash: { algorithm: 'sha256', digest: new Uint8Array(32) }, size: 120 },
        deriver: undefined,
        references: [],
      },
    ]);
    assert.deepEqual(read(lines(full(a), full(drv), '2', full(b), full(a)), false), [
      { path: a, nar: undefined, deriver: drv, references: [b, a] },
    ]);
    assert.deepEqual(read(''), []);
  });

  test('take all spellings that Nix takes', () => {
    const nix32 = '0'.repeat(52);
    const sri = `sha256-${Buffer.alloc(32).toString('base64')}`;
    for (const hash of [`sha256:${zeros}`, nix32, `sha256:${nix32}`, sri]) {
      assert.deepEqual(read(lines(full(a), hash, '120', '', '0')), read(plain), hash);
    }
    for (const size of ['+120', '0120']) {
      assert.deepEqual(read(lines(full(a), zeros, size, '', '+0')), read(plain), size);
    }
    for (const path of [`${full(a)}/`, `/nix/store//${a}`, `/nix/./store/x/../${a}`]) {
      assert.deepEqual(read(lines(path, zeros, '120', '', '0')), read(plain), path);
    }
    const twice = lines(full(a), zeros, '120', '', '3', full(b), full(a), full(b));
    assert.deepEqual(read(twice)[0]?.references, [b, a]);
  });

  test('come out the same however they are cut', () => {
    const text = `${plain}${lines(full(b), zeros, '7', full(drv), '2', full(a), full(b))}${plain}`;
    const whole = read(text);
    assert.equal(whole.length, 3);
    for (let step = 1; step < text.length; step++) assert.deepEqual(read(text, true, step), whole);
  });

  test('are refused where anything is wrong, with the line', () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ['\n', /line 1: .*not in the store/],
      [`${full(a)}\r\n`, /line 1: .*character other than/s],
      [`/elsewhere/${a}\n`, /line 1: .*not in the store/],
      [lines(full('short')), /line 1: .*too short/],
      [lines(full(a), ''), /line 2: .*wrong length/],
      [lines(full(a), `md5:${'0'.repeat(32)}`), /line 2: .*not a sha256/],
      [lines(full(a), zeros.slice(1)), /line 2: .*wrong length/],
      [lines(full(a), zeros, ''), /line 3: .*not a number/],
      [lines(full(a), zeros, '-1'), /line 3: .*not a number/],
      [lines(full(a), zeros, ' 1'), /line 3: .*not a number/],
      [lines(full(a), zeros, '1e3'), /line 3: .*not a number/],
      [lines(full(a), zeros, '0x10'), /line 3: .*not a number/],
      [lines(full(a), zeros, '9007199254740992'), /line 3: .*not a number/],
      [lines(full(a), zeros, '9'.repeat(4000)), /line 3: .*not a number/],
      [lines(full(a), zeros, '1', 'a.drv'), /line 4: .*not in the store/],
      [lines(full(a), zeros, '1', '', '-1'), /line 5: .*not a number/],
      [lines(full(a), zeros, '1', '', '1000001'), /line 5: .*not a number/],
      [lines(full(a), zeros, '1', '', '1', ''), /line 6: .*not in the store/],
      [`${plain}\n`, /line 6: .*not in the store/],
      [`/${'a'.repeat(4096)}`, /line 1: .*more than 4096 characters/],
      [lines(`/${'a'.repeat(4096)}`), /line 1: .*more than 4096 characters/],
      [Buffer.from([0xff, 0xfe, 10]).toString('latin1'), /line 1: /],
    ];
    for (const [text, message] of cases) {
      assert.throws(() => read(text), { code: 'corrupt', message }, JSON.stringify(text));
    }
  });

  test('are refused where they were cut off, wherever that is', () => {
    const text = `${plain}${lines(full(b), zeros, '7', '', '1', full(a))}`;
    for (let length = 1; length < text.length; length++) {
      if (length === plain.length) continue;
      assert.throws(() => read(text.slice(0, length)), { code: 'corrupt' }, `${length}`);
    }
  });

  test('stay refused', () => {
    const reader = new RegistrationReader(defaultStoreDir, { hasHashes: true });
    assert.throws(() => reader.push(Buffer.from('\n')), { code: 'corrupt' });
    assert.throws(() => reader.push(Buffer.from(plain)), /line 1: /);
    assert.throws(() => reader.finish(), /line 1: /);
  });

  test('come back as they were', () => {
    const path = fc
      .tuple(
        fc.stringMatching(/^[0-9a-df-np-sv-z]{32}$/),
        fc.stringMatching(/^[a-zA-Z0-9+_?=-]{1,40}$/),
      )
      .map(([hashPart, name]) => `${hashPart}-${name}` as StorePath);
    const info: fc.Arbitrary<PathInfo> = fc.record({
      path,
      narHash: fc
        .uint8Array({ minLength: 32, maxLength: 32 })
        .map((digest) => ({ algorithm: 'sha256' as const, digest })),
      narSize: fc.nat(),
      deriver: fc.option(path, { nil: undefined }),
      references: fc.uniqueArray(path, { maxLength: 5 }).map((paths) => paths.sort()),
      signatures: fc.constant([]),
    });
    fc.assert(
      fc.property(
        fc.array(info, { maxLength: 4 }),
        fc.integer({ min: 1, max: 300 }),
        (all, step) => {
          const text = all.map((one) => formatRegistration(defaultStoreDir, one)).join('');
          assert.deepEqual(
            read(text, true, step),
            all.map(({ path, narHash, narSize, deriver, references }) => ({
              path,
              nar: { hash: narHash, size: narSize },
              deriver,
              references,
            })),
          );
        },
      ),
    );
  });
});
