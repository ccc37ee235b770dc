import assert from 'node:assert/strict';
import { test } from 'node:test';
import { partSizeFor } from './s3-multipart.ts';

const MIB = 1024 * 1024;

test('parts are as large as wanted, and larger where there would be too many', () => {
  assert.equal(partSizeFor(100 * MIB, 8 * MIB), 8 * MIB);
  assert.equal(partSizeFor(80_000 * MIB, 8 * MIB), 8 * MIB);
  assert.equal(partSizeFor(80_000 * MIB + 1, 8 * MIB), 9 * MIB);
  for (const size of [1, 5 * MIB, 50_000 * MIB + 1, 123_456_789_012, 5 * 1024 ** 4]) {
    const partSize = partSizeFor(size, 5 * MIB);
    assert.ok(Math.ceil(size / partSize) <= 10_000, String(size));
    assert.ok(partSize >= 5 * MIB && partSize <= 5 * 1024 * MIB);
  }
});
