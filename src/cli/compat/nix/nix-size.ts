/** Sizes as Nix prints them: one digit behind the point, KiB at the least. */

const PREFIXES = ['K', 'K', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];

/** `1.5 KiB`; with `aligned` the number is right-aligned in six columns. A negative size keeps its sign. */
export function nixSize(bytes: number, options: { readonly aligned?: boolean } = {}): string {
  let value = Math.abs(bytes);
  let power = 0;
  while (value > 1024 && power < PREFIXES.length - 1) {
    power++;
    value /= 1024;
  }
  const text = `${bytes < 0 ? '-' : ''}${(power === 0 ? value / 1024 : value).toFixed(1)}`;
  return `${options.aligned === true ? text.padStart(6) : text} ${PREFIXES[power]}iB`;
}
