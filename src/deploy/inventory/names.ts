/**
 * Names of hosts and tags: what people type on the command line, so nothing that means something else there (options,
 * patterns, URIs, `@tag`), and fit for a terminal and for a part of a file's name.
 */

const NAME_MAX = 253;
const TAG_MAX = 200;
/** `alice@host`, `host:2222` and IPv6 addresses name hosts of the command line. */
const NAME = /^[\p{L}\p{N}_:][\p{L}\p{M}\p{N}._:%@+-]*$/u;
const TAG = /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}._:/=@+-]*$/u;
/** Names that objects have by themselves. */
const RESERVED: readonly string[] = ['__proto__', 'prototype', 'constructor'];

export function isHostName(text: string): boolean {
  return text.length <= NAME_MAX && NAME.test(text) && !RESERVED.includes(text);
}

export function isTag(text: string): boolean {
  return text.length <= TAG_MAX && TAG.test(text) && !RESERVED.includes(text);
}

/** What is longer can't be a name, whatever is left out of it. */
const TEXT_MAX = 4 * NAME_MAX;

/** A name made of what a provider calls a machine; undefined where nothing is left of it. */
export function hostNameFrom(text: string): string | undefined {
  if (text.length > TEXT_MAX) return undefined;
  const name = text
    .normalize('NFC')
    .replaceAll(/[^\p{L}\p{M}\p{N}._-]+/gu, '-')
    .replace(/^[^\p{L}\p{N}_]+/u, '')
    .replace(/-+$/, '');
  return isHostName(name) ? name : undefined;
}

/** A tag made of a label; undefined where nothing is left of it. */
export function tagFrom(text: string): string | undefined {
  if (text.length > TEXT_MAX) return undefined;
  const tag = text
    .normalize('NFC')
    .trim()
    .replaceAll(/[^\p{L}\p{M}\p{N}._:/=@+-]+/gu, '-')
    .replace(/^[^\p{L}\p{N}_]+/u, '');
  return isTag(tag) ? tag : undefined;
}
