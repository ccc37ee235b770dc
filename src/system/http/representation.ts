/** Whether two answers are of the same bytes, so that one may go on where the other broke off. */
import { BrokenAnswerError } from './connect-error.ts';
import { parseLength } from './exchange.ts';

type Headers = ReadonlyMap<string, string>;

/** What an answer says of the object as a whole. */
export interface Representation {
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
  readonly encoding: string;
  /** Of the whole object, also where the answer is of a part of it. */
  readonly size: number | undefined;
  /** Where the answer begins in it. */
  readonly start: number;
}

/** @throws BrokenAnswerError for a part that doesn't say which. */
export function representationOf(status: number, headers: Headers): Representation {
  const common = {
    etag: headers.get('etag'),
    lastModified: headers.get('last-modified'),
    encoding: (headers.get('content-encoding') ?? 'identity').toLowerCase(),
  };
  const length = parseLength(headers.get('content-length') ?? '');
  if (status !== 206) return { ...common, size: length, start: 0 };
  const [, first, last, size] =
    /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(headers.get('content-range') ?? '') ?? [];
  const start = Number(first);
  const end = Number(last) + 1;
  if (first === undefined || end <= start || (length !== undefined && length !== end - start)) {
    throw new BrokenAnswerError('the server sent a part without saying which');
  }
  return { ...common, size: size === '*' ? undefined : Number(size), start };
}

/** What `If-Range` may hold: only a strong validator is good for single bytes. */
export function ifRangeOf({ etag, lastModified }: Representation): string | undefined {
  return etag !== undefined && !etag.startsWith('W/') ? etag : lastModified;
}

/** Something they have in common is known, and nothing in which they differ. */
export function canBeSame(a: Representation, b: Representation): boolean {
  const isKnown = (one: unknown, other: unknown): boolean =>
    one !== undefined && other !== undefined;
  const pairs = [
    [a.etag?.replace(/^W\//, ''), b.etag?.replace(/^W\//, '')],
    [a.lastModified, b.lastModified],
    [a.size, b.size],
  ].filter(([one, other]) => isKnown(one, other));
  return (
    pairs.length > 0 && a.encoding === b.encoding && pairs.every(([one, other]) => one === other)
  );
}
