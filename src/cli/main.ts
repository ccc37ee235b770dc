/**
 * The door to the process: its words, streams, signals and exit status. What knows `process` in the command line is
 * here and in `process-output.ts`. Node's compile cache would save 4 ms of a start; it isn't used, since it writes files
 * that are run later, and there is no place for them that root may both write to and trust.
 */
import { basename } from 'node:path';
import { readEnvironment } from '../config/environment.ts';
import { widenPipe } from '../system/pipe-size.ts';
import { readDescriptor } from '../system/read-descriptor.ts';
import { Interrupted, type Input } from './context.ts';
import { describeError, exitStatusOf } from './errors.ts';
import { openOutput } from './process-output.ts';
import { runFerry } from './run-ferry.ts';
import { dropInNames } from './drop-in-table.ts';

/** After the first signal this much time is left to clean up, in milliseconds. */
const CLEAN_UP_MS = 1000;
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
const STDIN = 0;
const SHOW_CURSOR = '\u001b[?25h';

void run();

async function run(): Promise<never> {
  const stop = new AbortController();
  for (const [name, number] of Object.entries(SIGNALS)) {
    process.on(name, () => {
      if (stop.signal.aborted) leave(128 + number);
      stop.abort(new Interrupted(name, number));
      setTimeout(() => leave(128 + number), CLEAN_UP_MS).unref();
    });
  }
  // An error that no call waited for is a mistake of ours; it must not look like anything else, nor hide the cursor.
  process.on('uncaughtException', (error) => {
    const style = { verbosity: 1, mark: (text: string): string => text };
    process.stderr.write(`${describeError(error, style).join('\n')}\n`);
    leave(exitStatusOf(error));
  });
  const stdout = openOutput(process.stdout, process.env);
  const stderr = openOutput(process.stderr, process.env);
  // A file that was executed by itself is called by the name of its link; bin/ferry passes that name as a word.
  const startedAs = basename(process.argv0);
  const words = process.argv.slice(2);
  const status = await runFerry(dropInNames.includes(startedAs) ? [startedAs, ...words] : words, {
    stdin: openInput(),
    stdout,
    stderr,
    env: readEnvironment(process.env),
    cwd: process.cwd(),
    signal: stop.signal,
  });
  await Promise.all([stdout.flush(), stderr.flush()]);
  // Whatever still holds the event loop is of no use any more.
  process.exit(status);
}

/** Nothing is opened before it is read. */
function openInput(): Input {
  return {
    [Symbol.asyncIterator]: () =>
      (readDescriptor(STDIN) ?? (process.stdin as AsyncIterable<Uint8Array>))[
        Symbol.asyncIterator
      ](),
    widen: () => widenPipe(STDIN),
  };
}

function leave(code: number): never {
  if (process.stderr.isTTY) process.stderr.write(SHOW_CURSOR);
  process.exit(code);
}
