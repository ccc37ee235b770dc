/** Compressed files, as far as their parsers are ours: every chunking says the same, and memory is bounded. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Bzip2Decoder } from '../../src/format/bzip2/decoder.ts';
import { LzipDecoder } from '../../src/format/lzip/decoder.ts';
import { StructureWalker } from '../../src/system/compression/structure.ts';
import { xzStructure } from '../../src/system/compression/xz-structure.ts';
import { zstdStructure } from '../../src/system/compression/zstd-structure.ts';
import { bzip2Runs, compressedFiles, xzBlocks } from '../../test/vectors/compression/files.ts';
import { cutRandomly } from '../random.ts';
import { outcomeOf, type FuzzTarget } from '../target.ts';

interface Parser {
  push(chunk: Uint8Array): void;
  finish(): void;
}

/** @param open makes a parser, and what tells in the end what it found */
function targetOf(
  name: string,
  seeds: readonly Uint8Array[],
  open: () => { readonly parser: Parser; readonly found: () => string },
): FuzzTarget {
  const parse = (pieces: readonly Uint8Array[]): string => {
    const { parser, found } = open();
    for (const piece of pieces) parser.push(piece);
    parser.finish();
    return found();
  };
  return {
    name,
    seeds,
    check: (input, random) => {
      const whole = outcomeOf(() => parse([input]));
      const cut = outcomeOf(() => parse(cutRandomly(input, random)));
      assert.deepEqual(cut, whole);
    },
  };
}

function decoderTarget(
  name: string,
  seeds: readonly Uint8Array[],
  open: (emit: (bytes: Uint8Array) => void) => Parser,
): FuzzTarget {
  return targetOf(name, seeds, () => {
    const hash = createHash('sha256');
    const parser = open((bytes) => hash.update(bytes));
    return { parser, found: () => hash.digest('hex') };
  });
}

function twice(file: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([file, file]));
}

const { bzip2, lzip, xz, zstd } = compressedFiles;

export const compressionTargets: readonly FuzzTarget[] = [
  decoderTarget(
    'bzip2',
    [bzip2.text, bzip2.empty, bzip2Runs, twice(bzip2.text)],
    (emit) => new Bzip2Decoder(emit),
  ),
  decoderTarget('lzip', [lzip.text, lzip.empty, twice(lzip.text)], (emit) => new LzipDecoder(emit)),
  targetOf('zstd-structure', [zstd.text, zstd.empty, twice(zstd.text)], () => ({
    parser: new StructureWalker('zstd', zstdStructure),
    found: () => 'whole',
  })),
  targetOf('xz-structure', [xz.text, xz.empty, twice(xz.text), ...Object.values(xzBlocks)], () => {
    const totals = { contents: 0, dictionaries: 0 };
    const parser = new StructureWalker('xz', (fail) => xzStructure(fail, totals));
    return { parser, found: () => `${totals.contents}` };
  }),
];
