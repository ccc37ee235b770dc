/**
 * How many columns of a terminal a text takes. Terminals disagree about some characters: those count as wide as the
 * widest of them draws them, so that a line that fits here fits everywhere.
 */

const PLAIN = /^[\u0020-\u007e]*$/;
/** Drawn over what is before them, or not at all. What asks for a picture in place of a letter takes a column. */
const NOTHING = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
const PICTURE_PLEASE = '\ufe0f';
const WIDE =
  /^[\p{Emoji_Presentation}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u2e80-\u303e\u3041-\u33ff\ua490-\ua4cf\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]$/u;

/** Of one line without control characters. */
export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += widthOf(character);
  return width;
}

function widthOf(character: string): number {
  if (character === PICTURE_PLEASE) return 1;
  if (NOTHING.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** Shortened where it is wider than that, with "…" in place of its end. */
export function clipToWidth(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  // A mark would take a good part of what little there is.
  const mark = width < 4 ? '' : '…';
  let clipped = '';
  let left = width - mark.length;
  for (const character of text) {
    left -= widthOf(character);
    if (left < 0) break;
    clipped += character;
  }
  return clipped + mark;
}

/** Just so wide: shortened, or filled with spaces. */
export function fitToWidth(text: string, width: number): string {
  const clipped = clipToWidth(text, width);
  return clipped + ' '.repeat(Math.max(width - displayWidth(clipped), 0));
}

/** Words in lines that aren't wider than that, but where a single word is. */
export function wrapToWidth(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && displayWidth(longer) > width) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return line === '' ? lines : [...lines, line];
}
