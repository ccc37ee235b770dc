import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { FerryError } from '../../error.ts';
import { flipped } from '../../../test/support/bundles.ts';
import { sha256 } from './layout.ts';
import {
  decodePartHeader,
  encodePartHeader,
  orderParts,
  partHeaderBytes,
  partName,
  splitPartName,
  type BundlePart,
  type NamedPart,
} from './part.ts';

const id = sha256(Buffer.from('a bundle'));
const first: BundlePart = { id, number: 1, isLast: false, offset: 0, size: 10, hash: sha256(id) };

function named(part: Partial<BundlePart>): NamedPart {
  const whole = { ...first, ...part };
  return { name: partName('x.bundle', whole.number), part: whole };
}

const parts = [
  named({}),
  named({ number: 2, offset: 10 }),
  named({ number: 3, offset: 20, isLast: true, size: 3 }),
];

test('the header of a part is read as it was written', () => {
  const part = fc.record({
    id: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    number: fc.integer({ min: 2, max: 999 }),
    isLast: fc.boolean(),
    offset: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    size: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    hash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  });
  fc.assert(
    fc.property(part, (each) => {
      const bytes = encodePartHeader(each);
      assert.equal(bytes.length, partHeaderBytes);
      assert.deepEqual(decodePartHeader(bytes), { ...each });
    }),
  );
});

test('the header of a part with any bit changed, or cut, is refused', () => {
  const bytes = encodePartHeader(first);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    assert.throws(
      () => decodePartHeader(flipped(bytes, bit)),
      (error) => error instanceof FerryError && /corrupt|unsupported/.test(error.code),
    );
  }
  for (let size = 0; size < bytes.length; size++) {
    assert.throws(() => decodePartHeader(bytes.subarray(0, size)), { code: 'corrupt' });
  }
});

for (const [what, part] of [
  ['number 0', { number: 0 }],
  ['a number past all', { number: 1000 }],
  ['bytes in front of the first', { offset: 1 }],
  ['a second that begins at the beginning', { number: 2, offset: 0 }],
] as const) {
  test(`a header that makes no sense is refused: ${what}`, () => {
    assert.throws(() => decodePartHeader(encodePartHeader({ ...first, ...part })), {
      code: 'corrupt',
      message: /no sense/,
    });
  });
}

test('parts are brought into their order', () => {
  const [one, two, three] = parts;
  assert.ok(one !== undefined && two !== undefined && three !== undefined);
  assert.deepEqual(orderParts([three, one, two]), parts);
  assert.deepEqual(orderParts([named({ isLast: true })]), [named({ isLast: true })]);
});

const foreign = { ...named({ number: 2, id: sha256(Buffer.from('another')) }), name: 'y.002' };
for (const [what, wrong, code, message] of [
  ['the first', parts.slice(1), 'not-found', /part 1 .* is missing, "x\.bundle\.001"/],
  ['one between', parts.filter((_, i) => i !== 1), 'not-found', /part 2 .*"x\.bundle\.002"/],
  ['the last', parts.slice(0, 2), 'not-found', /part 3 .* is missing, "x\.bundle\.003"/],
] as const) {
  test(`parts without ${what} are refused, and it is named`, () => {
    assert.throws(() => orderParts(wrong), { code, message });
  });
}

test('parts that do not belong together are refused, and named', () => {
  assert.throws(() => orderParts([...parts, foreign]), {
    code: 'usage',
    message: /"y\.002" is a part of another/,
  });
  assert.throws(() => orderParts([foreign, ...parts]), {
    code: 'usage',
    message: /"y\.002" is a part of another/,
  });
  const again = { ...named({ number: 2, offset: 10 }), name: 'copy' };
  assert.throws(() => orderParts([...parts, again]), { code: 'usage', message: /same part/ });
  const gap = parts.map(({ name, part }) => ({ name, part: { ...part, offset: part.offset * 2 } }));
  assert.throws(() => orderParts(gap), { code: 'corrupt', message: /does not follow/ });
});

test('parts are named by three digits', () => {
  assert.equal(partName('/a/b.bundle', 7), '/a/b.bundle.007');
  assert.deepEqual(splitPartName('/a/b.bundle.007'), { file: '/a/b.bundle', number: 7 });
  for (const other of ['b.bundle', 'b.07', 'b.0007x', '.001', 'b.000', 'b.001.part']) {
    assert.equal(splitPartName(other), undefined, other);
  }
});
