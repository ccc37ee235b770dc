/** The Huffman tables of a block of bzip2: up to six, of which every group of fifty symbols uses one. */

export const codeLengthMax = 20;
/** 256 bytes, two for runs less one, and the end. */
export const symbolsMax = 258;
/** Codes up to this length are found with one look. */
export const fastBits = 10;

export class HuffmanTable {
  /** By the next `fastBits` bits: the symbol times 32 and the length of its code; 0 where the code is longer. */
  readonly fast: Uint16Array = new Uint16Array(1 << fastBits);
  /** By length: one more than the largest code of that length or less, as if all had the greatest length. */
  readonly limit: Int32Array = new Int32Array(codeLengthMax + 2);
  /** By length: what to take from a code to get its place in `symbols`. */
  readonly base: Int32Array = new Int32Array(codeLengthMax + 2);
  /** The symbols by their codes. */
  readonly symbols: Uint16Array = new Uint16Array(symbolsMax);

  /**
   * @param lengths of the codes of all symbols, 1 to 20
   * @returns whether there are such codes; that some bits mean nothing is fine
   */
  build(lengths: Uint8Array): boolean {
    this.fast.fill(0);
    let code = 0;
    let place = 0;
    for (let length = 1; length <= codeLengthMax; length += 1) {
      this.base[length] = code - place;
      for (let symbol = 0; symbol < lengths.length; symbol += 1) {
        if (lengths[symbol] !== length) continue;
        if (code >= 2 ** length) return false;
        this.symbols[place] = symbol;
        if (length <= fastBits) {
          const from = code << (fastBits - length);
          this.fast.fill((symbol << 5) | length, from, from + (1 << (fastBits - length)));
        }
        code += 1;
        place += 1;
      }
      this.limit[length] = code * 2 ** (codeLengthMax - length);
      code *= 2;
    }
    return true;
  }
}
