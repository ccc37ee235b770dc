/**
 * Decodes bzip2 as it comes, piece by piece: streams one after the other, each of blocks of up to 900 kB. There is no
 * specification; the format is what `bzip2` 1.0 reads. The checksums of blocks and streams are compared. Blocks made
 * with the randomisation of bzip2 before 0.9.5 are refused.
 *
 * It takes some 5 MB of memory, and reads on only when more input is there: nothing is decoded twice.
 */
import { FerryError } from '../../error.ts';
import { BitInput, CUT_SHORT } from './bit-input.ts';
import { BlockContents } from './block-contents.ts';
import { BlockSymbols } from './block-symbols.ts';
import { codeLengthMax } from './huffman.ts';

const BLOCK = 0x314159;
const BLOCK_REST = 0x265359;
const END = 0x177245;
const END_REST = 0x385090;

/** What a level of 1 stands for. */
const LEVEL_BYTES = 100_000;

export class Bzip2Decoder {
  readonly #input = new BitInput();
  readonly #emit: (bytes: Uint8Array) => void;
  readonly #steps: Iterator<void, void>;
  #symbols: BlockSymbols | undefined;
  #contents: BlockContents | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** `emit` gets a view that is valid during the call only. */
  constructor(emit: (bytes: Uint8Array) => void) {
    this.#emit = emit;
    this.#steps = this.#streams();
  }

  /** @throws FerryError `corrupt`, again and again once it did; what `emit` throws */
  push(chunk: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#input.append(chunk);
    this.#run();
  }

  /** To be called where the input ends. @throws FerryError `corrupt` */
  finish(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#input.isEnded = true;
    this.#run();
  }

  #run(): void {
    try {
      this.#steps.next();
    } catch (error) {
      const reported = error === CUT_SHORT ? this.#corrupt('it is cut short') : error;
      this.#failure = { error: reported };
      throw reported;
    }
  }

  /** Each `yield` is a wait for more input. */
  *#streams(): Generator<void, void, undefined> {
    const input = this.#input;
    for (let streams = 0; ; streams += 1) {
      while (!input.has(1)) yield;
      if (streams > 0 && input.isEmpty) return;
      while (!input.has(4)) yield;
      const isStream = input.read(24) === 0x425a68;
      const level = input.read(8) - 0x30;
      if (!isStream || level < 1 || level > 9) {
        throw this.#corrupt(
          streams === 0 ? 'it does not begin as bzip2' : 'something else follows its end',
        );
      }
      yield* this.#stream(level * LEVEL_BYTES);
      input.align();
    }
  }

  *#stream(blockBytes: number): Generator<void, void, undefined> {
    const input = this.#input;
    let checksum = 0;
    for (;;) {
      while (!input.has(14)) yield;
      const magic = input.read(24);
      const rest = input.read(24);
      const stored = (input.read(16) << 16) | input.read(16);
      if (magic === END && rest === END_REST) {
        if (stored !== checksum) throw this.#corrupt('the checksum of a stream is wrong');
        return;
      }
      if (magic !== BLOCK || rest !== BLOCK_REST) throw this.#corrupt('a block is damaged');
      const found = yield* this.#block(blockBytes);
      if (found !== stored) throw this.#corrupt('the checksum of a block is wrong');
      checksum = ((checksum << 1) | (checksum >>> 31)) ^ found;
    }
  }

  /** Returns the checksum of its contents. */
  *#block(blockBytes: number): Generator<void, number, undefined> {
    const input = this.#input;
    while (!input.has(4)) yield;
    if (input.read(1) !== 0) throw this.#corrupt('a block is randomised');
    const origin = input.read(24);
    const contents = (this.#contents ??= new BlockContents());
    const symbols = (this.#symbols ??= new BlockSymbols());
    const problem = yield* this.#tables(symbols);
    if (problem !== undefined) throw this.#corrupt(problem);
    contents.start(blockBytes);
    for (;;) {
      const state = symbols.decode(input, contents);
      if (state === 'done') break;
      if (state === 'damaged') throw this.#corrupt('a block is damaged');
      yield;
    }
    if (origin >= contents.size) throw this.#corrupt('a block is damaged');
    return contents.write(origin, this.#emit);
  }

  /** What stands before the symbols of a block. Returns what is wrong with it. */
  *#tables(symbols: BlockSymbols): Generator<void, string | undefined, undefined> {
    const input = this.#input;
    while (!input.has(2 + 32 + 3)) yield;
    const used: number[] = [];
    const groups = input.read(16);
    for (let group = 0; group < 16; group += 1) {
      if (((groups >> (15 - group)) & 1) === 0) continue;
      const members = input.read(16);
      for (let bit = 0; bit < 16; bit += 1) {
        if (((members >> (15 - bit)) & 1) !== 0) used.push(group * 16 + bit);
      }
    }
    const tables = input.read(3);
    const selectors = input.read(15);
    if (used.length === 0 || tables < 2 || tables > 6 || selectors === 0)
      return 'a block is damaged';
    symbols.start(used, tables, selectors);
    for (let at = 0; at < selectors; at += 1) {
      while (!input.has(1)) yield;
      let position = 0;
      while (input.read(1) === 1) {
        position += 1;
        if (position >= tables) return 'a block is damaged';
      }
      symbols.addSelector(position);
    }
    const lengths = new Uint8Array(used.length + 2);
    for (let table = 0; table < tables; table += 1) {
      while (!input.has(1)) yield;
      let length = input.read(5);
      for (let symbol = 0; symbol < lengths.length; symbol += 1) {
        for (;;) {
          if (length < 1 || length > codeLengthMax) return 'a block is damaged';
          while (!input.has(1)) yield;
          if (input.read(1) === 0) break;
          length += input.read(1) === 0 ? 1 : -1;
        }
        lengths[symbol] = length;
      }
      if (!symbols.buildTable(table, lengths)) return 'a block is damaged';
    }
    return undefined;
  }

  #corrupt(reason: string): FerryError {
    const { offset } = this.#input;
    const message = `cannot decompress bzip2: ${reason} at byte ${offset}`;
    return new FerryError('corrupt', message, { offset });
  }
}
