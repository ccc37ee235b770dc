/** The symbols of a block: Huffman codes of places in a list of bytes that was last used first, and of runs. */
import type { BitInput } from './bit-input.ts';
import type { BlockContents } from './block-contents.ts';
import { codeLengthMax, fastBits, HuffmanTable } from './huffman.ts';

/** Symbols that use one table, before the next is selected. */
const GROUP_SYMBOLS = 50;
/** Bytes that a group can take, and those that are looked at beyond it. */
const GROUP_BYTES = (GROUP_SYMBOLS * codeLengthMax) / 8 + 8;
const SELECTORS_MAX = 1 << 15;

export class BlockSymbols {
  readonly #tables = Array.from({ length: 6 }, () => new HuffmanTable());
  readonly #selectors = new Uint8Array(SELECTORS_MAX);
  #selectorCount = 0;
  /** The tables, the last selected first, while selectors are read. */
  readonly #recentTables = new Uint8Array(6);
  /** The bytes of the block, the last used first. */
  readonly #recent = new Uint8Array(256);
  #endSymbol = 0;
  #group = 0;
  #groupCount = 0;
  #run = 0;
  #runBit = 1;

  /** @param used the bytes that occur in the block */
  start(used: readonly number[], tables: number, selectors: number): void {
    this.#recent.set(used);
    this.#endSymbol = used.length + 1;
    for (let at = 0; at < tables; at += 1) this.#recentTables[at] = at;
    this.#selectorCount = 0;
    this.#group = 0;
    this.#groupCount = selectors;
    this.#run = 0;
    this.#runBit = 1;
  }

  /** @param position of the table in the list of those last used */
  addSelector(position: number): void {
    const recent = this.#recentTables;
    const table = recent[position] ?? 0;
    recent.copyWithin(1, 0, position);
    recent[0] = table;
    this.#selectors[this.#selectorCount] = table;
    this.#selectorCount += 1;
  }

  /** @returns whether such a table can be */
  buildTable(table: number, lengths: Uint8Array): boolean {
    return this.#tables[table]?.build(lengths) ?? false;
  }

  /** Goes on until the block is done or input lacks. What comes out goes to `contents`. */
  decode(input: BitInput, contents: BlockContents): 'done' | 'damaged' | 'more' {
    while (input.has(GROUP_BYTES)) {
      const table = this.#tables[this.#selectors[this.#group] ?? 0];
      if (table === undefined || this.#group >= this.#groupCount) return 'damaged';
      this.#group += 1;
      const state = this.#decodeGroup(input, table, contents);
      if (state !== 'more') return state;
    }
    return 'more';
  }

  #decodeGroup(
    input: BitInput,
    { fast, limit, base, symbols }: HuffmanTable,
    contents: BlockContents,
  ): 'done' | 'damaged' | 'more' {
    const { bytes, end } = input;
    let { at, bits, count } = input;
    let state: 'done' | 'damaged' | 'more' = 'more';
    for (let left = GROUP_SYMBOLS; left > 0 && state === 'more'; left -= 1) {
      // Past the end come zeros: whether they were used shows afterwards.
      for (; count <= 24; count += 8) {
        bits = (bits << 8) | (at < end ? (bytes[at] ?? 0) : 0);
        at += 1;
      }
      const entry = fast[(bits >>> (count - fastBits)) & ((1 << fastBits) - 1)] ?? 0;
      let length = entry & 31;
      let symbol = entry >> 5;
      if (entry === 0) {
        const code = (bits >>> (count - codeLengthMax)) & ((1 << codeLengthMax) - 1);
        length = fastBits + 1;
        while (length <= codeLengthMax && code >= (limit[length] ?? 0)) length += 1;
        if (length > codeLengthMax) state = 'damaged';
        else symbol = symbols[(code >> (codeLengthMax - length)) - (base[length] ?? 0)] ?? 0;
      }
      count -= length;
      if (state === 'more') state = this.#take(symbol, contents);
    }
    // What was looked at and not used is still unread.
    const unread = count >> 3;
    input.seek(at - unread, bits >>> (unread * 8), count & 7);
    return state;
  }

  #take(symbol: number, contents: BlockContents): 'done' | 'damaged' | 'more' {
    const recent = this.#recent;
    if (symbol <= 1) {
      // A digit of how often the first of the list comes: 1 or 2.
      if (this.#runBit > contents.capacity) return 'damaged';
      this.#run += this.#runBit << symbol;
      this.#runBit *= 2;
      return 'more';
    }
    if (this.#run > 0) {
      if (!contents.addRun(recent[0] ?? 0, this.#run)) return 'damaged';
      this.#run = 0;
      this.#runBit = 1;
    }
    if (symbol === this.#endSymbol) return 'done';
    const place = symbol - 1;
    const byte = recent[place] ?? 0;
    if (place < 16) for (let to = place; to > 0; to -= 1) recent[to] = recent[to - 1] ?? 0;
    else recent.copyWithin(1, 0, place);
    recent[0] = byte;
    return contents.add(byte) ? 'more' : 'damaged';
  }
}
