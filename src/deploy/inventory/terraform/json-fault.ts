/**
 * Where a text stops being JSON (RFC 8259). Node's own message quotes the text around that place, which may be a
 * password, and doesn't always say where it is.
 */

/** The offset of the first character that can't stand there; undefined where it is JSON. */
export function jsonFault(text: string): number | undefined {
  const blank = /[ \t\n\r]*/y;
  const word = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
  /** The brackets that are open. */
  const open: ('[' | '{')[] = [];
  let at = 0;
  let wants: 'value' | 'value or end' | 'key' | 'key or end' | 'next' = 'value';
  for (;;) {
    blank.lastIndex = at;
    blank.exec(text);
    at = blank.lastIndex;
    const here = text[at];
    if (here === undefined) return wants === 'next' && open.length === 0 ? undefined : at;
    const inside = open.at(-1);
    if (wants === 'next') {
      if (here === ',' && inside !== undefined) {
        wants = inside === '[' ? 'value' : 'key';
        at++;
      } else if ((here === ']' && inside === '[') || (here === '}' && inside === '{')) {
        open.pop();
        at++;
      } else {
        return at;
      }
    } else if (wants === 'key' || wants === 'key or end') {
      if (here === '}' && wants === 'key or end') {
        open.pop();
        at++;
        wants = 'next';
        continue;
      }
      const end = here === '"' ? stringEnd(text, at) : { fault: at };
      if ('fault' in end) return end.fault;
      blank.lastIndex = end.at;
      blank.exec(text);
      at = blank.lastIndex;
      if (text[at] !== ':') return at;
      at++;
      wants = 'value';
    } else if (here === '[' || here === '{') {
      open.push(here);
      at++;
      wants = here === '[' ? 'value or end' : 'key or end';
    } else if (here === ']' && wants === 'value or end') {
      open.pop();
      at++;
      wants = 'next';
    } else if (here === '"') {
      const end = stringEnd(text, at);
      if ('fault' in end) return end.fault;
      at = end.at;
      wants = 'next';
    } else {
      word.lastIndex = at;
      if (word.exec(text) === null) return at;
      at = word.lastIndex;
      wants = 'next';
    }
  }
}

/** After its closing quote. */
function stringEnd(
  text: string,
  start: number,
): { readonly at: number } | { readonly fault: number } {
  for (let at = start + 1; ; at++) {
    const code = text.charCodeAt(at);
    if (Number.isNaN(code) || code < 0x20) return { fault: Math.min(at, text.length) };
    if (code === QUOTE) return { at: at + 1 };
    if (code !== BACKSLASH) continue;
    const escape = /["\\/bfnrt]|u[0-9a-fA-F]{4}/y;
    escape.lastIndex = at + 1;
    const found = escape.exec(text)?.[0];
    if (found === undefined) return { fault: at };
    at += found.length;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
