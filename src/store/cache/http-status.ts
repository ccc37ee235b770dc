/** What statuses of HTTP mean to a cache (Nix manual, "HTTP Binary Cache Store"). */
import { FerryError, type ErrorCode } from '../../error.ts';
import { statusName } from '../../system/http/status-name.ts';

export function isSuccess(status: number): boolean {
  return [200, 201, 202, 204, 206].includes(status);
}

/** There is no such object; whether 403 counts depends on the object. */
export function isAbsence(status: number): boolean {
  return status === 404 || status === 410 || status === 403;
}

export interface AnswerContext {
  /** `fetch`, `upload` … */
  readonly doing: string;
  /** The URL, as messages may have it. */
  readonly name: string;
  readonly store: string;
  /** Why netrc could not be read, where that is so. */
  readonly unreadable: string | undefined;
}

const CODES: Readonly<Record<number, ErrorCode>> = {
  401: 'denied',
  403: 'denied',
  405: 'unsupported',
  407: 'denied',
  409: 'conflict',
  411: 'unsupported',
  412: 'conflict',
  413: 'denied',
  423: 'conflict',
  501: 'unsupported',
  507: 'no-space',
};

export function answerError(status: number, context: AnswerContext): FerryError {
  const { doing, name, store } = context;
  const hint = hintFor(status, context);
  const message = `cannot ${doing} "${name}": the server answered ${statusName(status)}`;
  return new FerryError(CODES[status] ?? (status >= 500 ? 'unavailable' : 'protocol'), message, {
    store,
    ...(hint === undefined ? {} : { hint }),
  });
}

function hintFor(status: number, { doing, unreadable }: AnswerContext): string | undefined {
  const isChange = doing === 'upload' || doing === 'delete';
  switch (status) {
    case 401:
      return unreadable === undefined
        ? 'user and password stand in the file that netrc-file names, or in the URL: https://USER:PASSWORD@HOST'
        : `the file that netrc-file names can't be read: ${unreadable}`;
    case 407:
      return 'credentials for a proxy stand in its URL: http://USER:PASSWORD@HOST:PORT';
    case 403:
      return isChange ? 'whoever asks so may read there, if anything' : undefined;
    case 404:
    case 405:
    case 501:
      return isChange ? 'the server takes no uploads at this URL' : undefined;
    case 409:
      return isChange
        ? 'the server may lack the directory: let it make those that are missing'
        : undefined;
    case 413:
      return 'the server, or a proxy before it, limits how large an upload may be';
    default:
      return undefined;
  }
}
