/** Why a session on a host didn't begin. */
import { FerryError, type ErrorCode } from '../error.ts';
import type { Ending } from '../wire/transport.ts';

/** What sudo and doas say when they refuse. */
const REFUSALS =
  /^(?:sudo|doas): |is not in the sudoers file|may not run sudo|is not allowed to execute|incorrect password/im;
const quotedMax = 500;

export function sessionError(name: string, ending: Ending, noise: string): FerryError {
  const said = lastLines(ending.said);
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
