/** What a server says no with, as an error of ours: its own words, and what they mean. */
import { FerryError, type ErrorCode } from '../../error.ts';
import { plainText } from '../../wire/transport.ts';
import type { WorkerFailure } from '../../wire/worker/messages.ts';
import { codeOf, type FarEnd } from '../far/far-end-error.ts';

/** Characters of its text that are quoted. */
const quotedMax = 2000;

const HINTS: Partial<Readonly<Record<ErrorCode, string>>> = {
  untrusted:
    'sign it with a key that the far end has in trusted-public-keys; or be one of its trusted-users and add --no-check-sigs',
};

/** @param what what could not be done, to what: `cannot add "/nix/store/…"`; undefined where others say that. */
export function refusalError(
  what: string | undefined,
  farEnd: FarEnd,
  failure: WorkerFailure,
): FerryError {
  const said = plainText(failure.text)
    .trim()
    .replace(/^error: */, '');
  const quoted = said.length > quotedMax ? `${said.slice(0, quotedMax)}…` : said;
  // It is there, and said no.
  const code = codeOf(said) ?? 'denied';
  const hint = HINTS[code];
  const words = `far end said: ${quoted === '' ? 'nothing' : quoted}`;
  return new FerryError(code, what === undefined ? words : `${what}: ${words}`, {
    store: farEnd.uri,
    ...(hint === undefined ? {} : { hint }),
  });
}
