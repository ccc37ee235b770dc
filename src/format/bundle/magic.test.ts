import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundleMagic, bundlePartMagic, isBundle, isBundlePart, magicBytes } from './magic.ts';

test('what bundles begin with is sixteen bytes, and no beginning of a NAR or an export', () => {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  assert.equal(hex(bundleMagic), '8966657272792d62756e646c650d0a1a');
  assert.equal(hex(bundlePartMagic), '8966657272792d766f6c756d650d0a1a');
  assert.equal(bundleMagic.length, magicBytes);
  for (const first of [0n, 1n, 13n]) {
    const bytes = new Uint8Array(16);
    new DataView(bytes.buffer).setBigUint64(0, first, true);
    assert.equal(isBundle(bytes), false);
  }
});

test('a bundle and its parts are known by all sixteen bytes', () => {
  const longer = new Uint8Array(100);
  longer.set(bundleMagic);
  assert.equal(isBundle(longer), true);
  assert.equal(isBundlePart(longer), false);
  assert.equal(isBundle(bundlePartMagic), true);
  assert.equal(isBundlePart(bundlePartMagic), true);
  assert.equal(isBundle(bundleMagic.subarray(0, 15)), false);
  assert.equal(isBundle(bundleMagic.with(15, 10)), false);
  assert.equal(isBundle(new Uint8Array(0)), false);
});
