/** The kinds of values that settings have: how Nix reads the text of each, and how it prints the value again. */
import { isAbsolute, normalize } from 'node:path';

export interface SettingKind<T> {
  /** What a value is, for messages: "…, not {expects}". */
  readonly expects: string;
  /** Whether `extra-NAME` adds to it. */
  readonly isAppendable: boolean;
  /** The value of a text without white space at its ends; undefined where it is no value of this kind. */
  readonly parse: (text: string) => T | undefined;
  /** As `nix config show` prints it. */
  readonly print: (value: T) => string;
  /** As `nix config show --json` has it. */
  readonly toJson: (value: T) => unknown;
}

export const textKind: SettingKind<string> = {
  expects: 'a text',
  isAppendable: false,
  parse: (text) => text,
  print: (text) => text,
  toJson: (text) => text,
};

/** An absolute path, printed without `//`, `.` and `..`. */
export const pathKind: SettingKind<string> = {
  expects: 'an absolute path',
  isAppendable: false,
  parse: (text) => (isAbsolute(text) ? canonical(text) : undefined),
  print: (path) => path,
  toJson: (path) => path,
};

/** The same, or nothing: undefined stands for "none". */
export const optionalPathKind: SettingKind<string> = {
  ...pathKind,
  expects: 'an absolute path or empty',
  parse: (text) => (text === '' ? '' : pathKind.parse(text)),
};

export const booleanKind: SettingKind<boolean> = {
  expects: 'true or false',
  isAppendable: false,
  parse(text) {
    if (/^(true|yes|1)$/.test(text)) return true;
    return /^(false|no|0)$/.test(text) ? false : undefined;
  },
  print: String,
  toJson: (value) => value,
};

/** The largest number of 63 bits, which stands for "no limit". */
const WITHOUT_LIMIT = 9_223_372_036_854_775_807n;

/** A whole number with K, M, G or T behind it; what no JavaScript number holds exactly is `Infinity`. */
export const numberKind: SettingKind<number> = {
  expects: 'a whole number, perhaps with K, M, G or T behind it',
  isAppendable: false,
  parse(text) {
    const match = /^\+?(\d{1,20})([KMGT]?)$/i.exec(text);
    if (match === null) return undefined;
    const power = ' KMGT'.indexOf((match[2] ?? '').toUpperCase() || ' ');
    const value = BigInt(match[1] ?? '') << BigInt(10 * power);
    if (value > WITHOUT_LIMIT) return undefined;
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? Infinity : Number(value);
  },
  print: (value) => String(value === Infinity ? WITHOUT_LIMIT : value),
  toJson: (value) => (value === Infinity ? rawJson(String(WITHOUT_LIMIT)) : value),
};

/** Words in their order, possibly several times. */
export const listKind: SettingKind<readonly string[]> = {
  expects: 'words',
  isAppendable: true,
  parse: wordsOf,
  print: (words) => words.join(' '),
  toJson: (words) => words,
};

/** Words without an order: sorted, each once. */
export const setKind: SettingKind<readonly string[]> = {
  ...listKind,
  parse: (text) => [...new Set(wordsOf(text))].sort(),
};

/** Experimental features: some bring others with them. */
export const featuresKind: SettingKind<readonly string[]> = {
  ...setKind,
  parse: (text) => setKind.parse(/\bflakes\b/.test(text) ? `${text} fetch-tree` : text),
};

export function wordsOf(text: string): string[] {
  return text.split(/[ \t\r\n]+/).filter((word) => word !== '');
}

function canonical(path: string): string {
  const plain = normalize(path);
  return plain.length > 1 ? plain.replace(/\/$/, '') : plain;
}

/** A number that JSON takes and JavaScript does not. */
function rawJson(text: string): unknown {
  const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => unknown };
  return rawJSON(text);
}
