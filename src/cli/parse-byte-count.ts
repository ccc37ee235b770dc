/** Sizes as people type them. */
import { usage } from './parse-words.ts';

/** `500M`, `10G`, `1024`, also with `iB` behind; K is 1024. @throws FerryError `usage` */
export function parseByteCount(title: string, flag: string, text: string): number {
  const match = /^(\d{1,15})([KMGT]?)(?:iB)?$/i.exec(text);
  if (match === null) throw usage(title, `${flag} "${text}" is not a size such as 500M or 10G`);
  const [, digits, unit = ''] = match;
  return Number(digits) * 1024 ** ' KMGT'.indexOf(unit.toUpperCase() || ' ');
}
