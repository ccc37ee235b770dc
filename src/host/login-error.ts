/** What ssh means when it doesn't let us in: it prints, and ends with 255. */
import { FerryError, type ErrorCode } from '../error.ts';
import type { Ending } from '../wire/transport.ts';

const MEANINGS: readonly (readonly [RegExp, ErrorCode, string | undefined])[] = [
  [
    /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    'denied',
    'the key of this host is another one than it was: where that is as it should be, remove the old one with ssh-keygen -R HOST',
  ],
  [
    /Host key verification failed|No .* host key is known/i,
    'denied',
    'log in once by hand with ssh to see its key and accept it, or add it to known_hosts',
  ],
  [
    /Permission denied|Too many authentication failures|No more authentication methods/i,
    'denied',
    'try it with ssh by hand: the user, the key or the password is not accepted',
  ],
];

/** Lines of ssh that say nothing about why. */
const IDLE = /^(?:Warning: Permanently added |debug\d: |@{5,}|\*\* )/;
const quotedMax = 1000;

/** Of a login that ended before it had begun. */
export function loginError(name: string, ending: Ending): FerryError {
  const lines = ending.said.split('\n').filter((line) => line.trim() !== '' && !IDLE.test(line));
  const [, code, hint] = MEANINGS.find(([pattern]) => pattern.test(ending.said)) ?? [];
  // What counts is said last; before it may be a banner of any length.
  const said = (hint === undefined ? lines.slice(-3) : lines.slice(-1)).join('; ');
  const shown = said.length > quotedMax ? `…${said.slice(-quotedMax)}` : said;
  const why = shown === '' ? whyOf(ending) : shown;
  return new FerryError(
    code ?? 'unavailable',
    `cannot log in to "${name}": ${why}`,
    hint === undefined ? {} : { hint },
  );
}

function whyOf({ status, signal }: Ending): string {
  if (signal !== undefined) return `ssh was ended by ${signal}`;
  return status === undefined ? 'ssh ended' : `ssh ended with status ${status}`;
}
