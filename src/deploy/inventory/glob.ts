/** Patterns for names: `*` for any characters, `?` for one. Time grows with the product of the lengths, not faster. */

export function isGlob(text: string): boolean {
  return /[*?]/.test(text);
}

export function matchesGlob(pattern: string, text: string): boolean {
  let at = 0;
  let inText = 0;
  let star = -1;
  let afterStar = 0;
  while (inText < text.length) {
    const wanted = pattern[at];
    if (wanted === '*') {
      star = at++;
      afterStar = inText;
    } else if (wanted !== undefined && (wanted === '?' || wanted === text[inText])) {
      at++;
      inText++;
    } else if (star >= 0) {
      // The last star takes one character more.
      at = star + 1;
      inText = ++afterStar;
    } else {
      return false;
    }
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}
