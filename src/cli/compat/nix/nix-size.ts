/** Sizes as Nix prints them: one digit behind the point, KiB at the least. */

const PREFIXES = ['K', 'K', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];

/** `1.5 KiB`; with `aligned` the number is right-aligned in six columns. A negative size keeps its sign. */
export function nixSize(bytes: number, options: { readonly aligned?: boolean } = {}): string {
  let power = 0;
  // Whole numbers: 1024.9 KiB are not a MiB yet.
  for (let rest = Math.abs(bytes); rest > 1024 && power < PREFIXES.length - 1; power++) {
    rest = Math.floor(rest / 1024);
  }
  const value = Math.abs(bytes) / 1024 ** Math.max(power, 1);
  const text = `${bytes < 0 ? '-' : ''}${oneDigit(value)}`;
  return `${options.aligned === true ? text.padStart(6) : text} ${PREFIXES[power]}iB`;
}

/** As C rounds: what lies just between two goes to the even one, which makes a difference for quarters: 1.25 is 1.2. */
function oneDigit(value: number): string {
  return (value * 4) % 4 === 1 ? (value - 0.05).toFixed(1) : value.toFixed(1);
}
