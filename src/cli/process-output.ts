/** A stream of the process as commands see it: writes wait for room, and a reader that went away is an error of its own. */
import { isatty } from 'node:tty';
import { errnoOf, translateOsError } from '../system/os-error.ts';
import { widenPipe } from '../system/pipe-size.ts';
import { BrokenPipe, type Output } from './context.ts';

export interface ProcessOutput extends Output {
  /** Waits until all is written, as far as that can be. */
  flush(): Promise<void>;
}

const WIDTH_WITHOUT_TERMINAL = 80;

export function openOutput(
  stream: NodeJS.WriteStream & { readonly fd: number },
  variables: Readonly<Record<string, string | undefined>>,
): ProcessOutput {
  let failure: Error | undefined;
  stream.on('error', (error) => {
    failure = translate(error);
  });
  const isTerminal = isatty(stream.fd);
  return {
    isTerminal,
    hasColours: wantsColours(isTerminal, variables),
    width: () => (isTerminal ? stream.columns : WIDTH_WITHOUT_TERMINAL),
    height: () => (isTerminal ? stream.rows : undefined),
    write: (data) => {
      if (failure !== undefined) return Promise.reject(failure);
      return new Promise((resolve, reject) => {
        stream.write(data, (error) => {
          if (error === null || error === undefined) resolve();
          else reject(translate(error));
        });
      });
    },
    widen: () => widenPipe(stream.fd),
    flush: () =>
      new Promise((resolve) => {
        if (failure !== undefined || stream.destroyed) resolve();
        else stream.write('', () => resolve());
      }),
  };
}

function translate(error: Error): Error {
  if (errnoOf(error) === 'EPIPE')
    return new BrokenPipe('nobody reads the output', { cause: error });
  return translateOsError(error, 'write', 'output') as Error;
}

/** https://no-color.org, https://force-color.org and the oldest of them all, TERM=dumb. */
function wantsColours(
  isTerminal: boolean,
  variables: Readonly<Record<string, string | undefined>>,
): boolean {
  if ((variables['NO_COLOR'] ?? '') !== '') return false;
  if ((variables['FORCE_COLOR'] ?? '') !== '') return variables['FORCE_COLOR'] !== '0';
  return isTerminal && variables['TERM'] !== 'dumb';
}
