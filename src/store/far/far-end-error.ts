/**
 * What a far end's words mean. The serve protocol has no error message: a server prints on stderr and exits, so its text
 * is all there is. The worker protocol has errors, of text likewise. Both are translated here, once.
 */
import { FerryError, type ErrorCode } from '../../error.ts';
import type { Ending } from '../../wire/transport.ts';

/** Characters of the far end's text that are quoted. */
const quotedMax = 2000;

const MEANINGS: readonly (readonly [RegExp, ErrorCode])[] = [
  [/No space left on device|disk quota exceeded/i, 'no-space'],
  [/lacks a (?:valid )?signature/i, 'untrusted'],
  [/(?:hash|size) mismatch|Nix archive|unexpected end-of-file/i, 'corrupt'],
  [/path ['"][^'"]*['"] (?:is not valid|does not exist)|is not a valid store path/i, 'not-found'],
  [/no substituter that can build it|don't know how to build/i, 'not-found'],
  [/since it is still alive/i, 'conflict'],
  [/invalid operation|operation '[^']*' is not supported|too old/i, 'unsupported'],
  // Whatever else it calls an error: it is there, and said no.
  [/^error:/im, 'denied'],
];

export interface FarEnd {
  /** How people know it: `[user@]host`. */
  readonly name: string;
  /** The URI of the store. */
  readonly uri: string;
  /** What was to be run there. */
  readonly program: string;
  /** What usually is. */
  readonly usualProgram?: string | undefined;
  /** What to look at where it closes the connection without a word. */
  readonly closedHint?: string | undefined;
}

/** @param what what could not be done, to what: `cannot connect to "host"`. */
export function farEndError(what: string, farEnd: FarEnd, ending: Ending): FerryError {
  const said = lastError(ending.said);
  const reason = said === '' ? exitReason(ending) : `far end said: ${said}`;
  const { code, hint } = meaningOf(farEnd, ending);
  return new FerryError(code, `${what}: ${reason}`, {
    store: farEnd.uri,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Whether the far end refused something, rather than having been cut off from us. */
export function isRefusal({ status }: Ending): boolean {
  return status !== undefined && status > 0 && status < 126;
}

function meaningOf(farEnd: FarEnd, ending: Ending): { code: ErrorCode; hint?: string } {
  if (ending.status === 127) {
    const usual = farEnd.usualProgram ?? 'nix-store';
    // ferry answers the serve protocol alone.
    const otherwise =
      usual === 'nix-store'
        ? '; where ferry is there and no Nix: ?remote-program=ferry%20nix-store'
        : '';
    return {
      code: 'not-found',
      hint: `"${farEnd.program}" is not on the PATH that "${farEnd.name}" gives to commands over ssh: name it with ?remote-program=/path/to/${usual}${otherwise}`,
    };
  }
  if (!isRefusal(ending)) {
    const { closedHint } = farEnd;
    const isSilent = ending.said === '' && closedHint !== undefined;
    return { code: 'unavailable', ...(isSilent ? { hint: closedHint } : {}) };
  }
  return { code: codeOf(ending.said) ?? 'unavailable' };
}

/** What kind of failure a text of the far end tells of. */
export function codeOf(said: string): ErrorCode | undefined {
  return MEANINGS.find(([pattern]) => pattern.test(said))?.[1];
}

/** From the last line that begins an error on; all of it where none does. */
function lastError(said: string): string {
  const at = Math.max(said.startsWith('error:') ? 0 : -1, said.lastIndexOf('\nerror:') + 1);
  const text = (at > 0 || said.startsWith('error:') ? said.slice(at) : said).trim();
  return text.length > quotedMax ? `…${text.slice(-quotedMax)}` : text;
}

function exitReason({ status, signal }: Ending): string {
  if (signal !== undefined) return `it was ended by ${signal}`;
  if (status === undefined || status === 0) return 'it closed the connection';
  if (status === 255) return 'the connection was lost (ssh ended with status 255)';
  return `it ended with status ${status}`;
}
