/** A parser with mistakes in it, which the harness must find: otherwise it finds nothing at all. */
import { FerryError } from '../../src/error.ts';
import type { FuzzTarget } from '../target.ts';
import { outcomeOf } from '../target.ts';

export const canaryTarget: FuzzTarget = {
  name: 'canary',
  seeds: [Buffer.from([3, 1, 2, 3])],
  check: (input) => {
    outcomeOf(() => parse(input));
  },
};

/** A length and so many bytes; it trusts the length. */
function parse(input: Uint8Array): Uint8Array {
  const [length] = input;
  if (length === undefined) throw new FerryError('corrupt', 'nothing there');
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  return Uint8Array.from({ length }, (_, i) => view.getUint8(i + 1));
}
