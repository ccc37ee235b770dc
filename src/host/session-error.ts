/** Why a session on a host didn't begin. */
import { FerryError, type ErrorCode } from '../error.ts';
import type { Ending } from '../wire/transport.ts';

/** What sudo and doas say when they are not content. */
const REFUSALS = /^(?:sudo|doas): |is not in the sudoers file|may not run sudo|not allowed to/im;
const quotedMax = 500;

/** Whether it isn't for a password that somebody may not become root. */
export function isRefusal(said: string): boolean {
  return RULES.test(said);
}

const RULES =
  /not in the sudoers file|may not run sudo|not allowed to|Operation not permitted|account/i;

/** sudo or doas know this user and don't let him, whatever his password: perhaps the other one does. */
export class RootRefused extends FerryError {}

export function sessionError(name: string, ending: Ending, noise: string): FerryError {
  const said = lastLines(ending.said);
  const refusal = ending.said.split('\n').find((line) => RULES.test(line));
  if (refusal !== undefined) {
    return new RootRefused('denied', `cannot become root on "${name}": ${refusal.trim()}`);
  }
  if (REFUSALS.test(ending.said)) {
    return new FerryError('denied', `cannot become root on "${name}": ${said}`);
  }
  const text = said === '' ? noise : said;
  const { status } = ending;
  if (status === 255 || status === undefined) {
    const why = text === '' ? 'the connection was lost' : text;
    return new FerryError('unavailable', `cannot begin a session on "${name}": ${why}`);
  }
  const code: ErrorCode = status === 127 ? 'not-found' : 'denied';
  const why = text === '' ? `its shell ended with status ${status}` : `it answered "${text}"`;
  return new FerryError(code, `cannot begin a session on "${name}": ${why}`, {
    hint: 'the user must be one who may run commands over ssh: no forced command, no restricted shell',
  });
}

function lastLines(said: string): string {
  const text = said
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-3)
    .join('; ');
  return text.length > quotedMax ? `…${text.slice(-quotedMax)}` : text;
}
