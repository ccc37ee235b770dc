import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { compressedFiles, text } from '../../../test/vectors/compression/files.ts';
import { isFerryError } from '../../error.ts';
import { LzipDecoder } from './decoder.ts';

const { text: file, empty } = compressedFiles.lzip;

function decode(...pieces: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const decoder = new LzipDecoder((bytes) => parts.push(bytes.slice()));
  for (const piece of pieces) decoder.push(piece);
  decoder.finish();
  return new Uint8Array(Buffer.concat(parts));
}

/** The file with some of its bytes others. */
function changed(bytes: Readonly<Record<number, number>>): Uint8Array {
  const copy = file.slice();
  for (const [at, byte] of Object.entries(bytes)) copy[Number(at)] = byte;
  return copy;
}

describe('lzip', () => {
  test('every cut into two says the same', () => {
    for (let at = 0; at <= file.length; at += 1) {
      assert.deepEqual(decode(file.subarray(0, at), file.subarray(at)), text);
    }
  });

  test('members one after the other, byte by byte', () => {
    const bytes = Buffer.concat([file, empty, file]);
    const all = new Uint8Array(Buffer.concat([text, text]));
    assert.deepEqual(decode(...Array.from(bytes, (byte) => Uint8Array.of(byte))), all);
  });

  test('it stays failed', () => {
    const decoder = new LzipDecoder(() => {});
    assert.throws(() => decoder.push(new Uint8Array(11)), { code: 'corrupt' });
    assert.throws(() => decoder.push(file), { code: 'corrupt', message: /does not begin as lzip/ });
    assert.throws(() => decoder.finish(), { code: 'corrupt' });
  });

  const end = file.length;
  const hostile: Readonly<Record<string, Uint8Array>> = {
    'version 0': changed({ 4: 0 }),
    'a dictionary of 2 KiB': changed({ 5: 11 }),
    'a dictionary of 512 MiB': changed({ 5: 29 }),
    'a stream that does not begin with zero': changed({ 6: 1 }),
    'a wrong checksum': changed({ [end - 20]: (file[end - 20] ?? 0) ^ 1 }),
    'a wrong size': changed({ [end - 16]: (file[end - 16] ?? 0) ^ 1 }),
    'a size beyond all numbers': changed({ [end - 9]: 0xff }),
    'a wrong size of the member': changed({ [end - 8]: (file[end - 8] ?? 0) ^ 1 }),
    'a match before anything': new Uint8Array(
      Buffer.concat([
        file.subarray(0, 6),
        Buffer.from([0, 0xff, 0xff, 0xff, 0xff]),
        Buffer.alloc(99, 0xff),
      ]),
    ),
  };
  for (const [name, bytes] of Object.entries(hostile)) {
    test(`${name} is refused`, () => {
      assert.throws(
        () => decode(bytes),
        (error) => isFerryError(error, 'corrupt'),
      );
    });
  }

  test('anything at all is refused or decoded, and ends', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(file.length), (noise, at) => {
        const bytes = new Uint8Array(Buffer.concat([file.subarray(0, at), noise]));
        try {
          decode(bytes);
        } catch (error) {
          assert.ok(isFerryError(error, 'corrupt'), String(error));
        }
      }),
      { numRuns: 200 },
    );
  });
});
