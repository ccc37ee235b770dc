/**
 * Answers ssh's questions in place of its terminal (ssh(1), `SSH_ASKPASS`): ssh starts a small program of ours for each
 * question, which talks to this process through named pipes in a private directory. The answer is in no file, no
 * environment and no command line; it goes through a pipe into the program's `cat`, and so into ssh.
 */
import { constants, openSync, rmSync, writeFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { errnoOf } from './os-error.ts';
import { pause } from './pause.ts';
import { startProcess } from './process.ts';

export interface AskPassQuestion {
  /** As ssh has it; of several lines, and possibly of a foreign server. */
  readonly text: string;
  /** A question of yes or no, where the answer's text doesn't count. */
  readonly isConfirmation: boolean;
  /** The process number of the ssh that asks: one that asks the same again was not content. */
  readonly asker: number;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

export interface AskPassOptions {
  /** Private, and of nobody else's. Files are made in it and stay until its owner removes it. */
  readonly directory: string;
  /** For the program's own process. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The bytes of the answer, which are wiped after use, or undefined to refuse. */
  readonly answer: (question: AskPassQuestion) => Promise<Uint8Array | undefined>;
  /** ssh has something to say and waits for no answer: that a key wants to be touched. */
  readonly onNotice: (text: string) => void;
}

export interface AskPass extends Disposable {
  /** What ssh must be started with. */
  readonly variables: Readonly<Record<string, string>>;
}

/**
 * `$$.question` is the question, `$$.answer` the pipe for the answer, `asked` the pipe that says who asks. When the ssh that
 * asked or this process is gone, a watcher ends the waiting. That the question is taken away means no.
 */
const PROGRAM = `#!/bin/sh
# Asks ferry, which has started this ssh, what ssh wants to know.
umask 077
cd "$FERRY_ASKPASS" || exit 1
if [ "\${FERRY_ASKPASS_MAKE-}" = yes ]; then
  exec mkfifo asked
fi
printf %s "$1" >"$$.question" || exit 1
if [ "\${SSH_ASKPASS_PROMPT-}" = none ]; then
  echo "$$ $PPID notice" 1<>asked
  exec sleep 600
fi
mkfifo "$$.answer" || exit 1
(
  while kill -0 "$PPID" && kill -0 "$FERRY_PID"; do sleep 1; done
  : >"$$.answer"
) >/dev/null 2>&1 &
watch=$!
echo "$$ $PPID \${SSH_ASKPASS_PROMPT:-answer}" 1<>asked
cat "$$.answer"
kill "$watch" 2>/dev/null
[ -e "$$.question" ]
status=$?
rm -f "$$.question" "$$.answer"
exit $status
`;

const questionMax = 4096;
/** How long the program has to open its end of the pipe. */
const openMs = 3000;
/** How long it has to make the other pipe. */
const makeMs = 5000;

/** Undefined where such a program can't be run from there. */
export async function openAskPass(options: AskPassOptions): Promise<AskPass | undefined> {
  const { directory, env } = options;
  const program = join(directory, 'ask');
  const variables = {
    SSH_ASKPASS: program,
    SSH_ASKPASS_REQUIRE: 'force',
    FERRY_ASKPASS: directory,
    FERRY_PID: String(process.pid),
  };
  writeFileSync(program, PROGRAM, { mode: 0o700 });
  if (!(await makesPipe(program, { ...env, ...variables, FERRY_ASKPASS_MAKE: 'yes' }))) {
    return undefined;
  }
  // Open for both, it neither waits for others nor ends when they do.
  const fd = openSync(join(directory, 'asked'), constants.O_RDWR | constants.O_NONBLOCK);
  const asked = new Socket({ fd, readable: true, writable: false });
  const stop = new AbortController();
  let line = '';
  asked.setEncoding('latin1');
  asked.on('error', () => {});
  asked.on('data', (text: string) => {
    const lines = (line + text).split('\n');
    line = (lines.pop() ?? '').slice(0, 100);
    for (const whole of lines) void answerOne(whole, options, stop.signal);
  });
  // What keeps the process alive is ssh, not that it might ask.
  asked.unref();
  return {
    variables,
    [Symbol.dispose]: () => {
      stop.abort();
      asked.destroy();
    },
  };
}

/** Also finds out whether programs may be run from there: a temporary directory may be mounted without. */
async function makesPipe(
  program: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<boolean> {
  try {
    const child = await startProcess(program, [], { env });
    const timer = setTimeout(() => void child.abort(), makeMs);
    child.end();
    const { status } = await child.exited;
    clearTimeout(timer);
    return status === 0;
  } catch {
    return false;
  }
}

async function answerOne(
  line: string,
  { directory, answer, onNotice }: AskPassOptions,
  stopped: AbortSignal,
): Promise<void> {
  const [, program, asker, kind] = /^(\d+) (\d+) (\w+)$/.exec(line) ?? [];
  if (program === undefined) return;
  const question = join(directory, `${program}.question`);
  const gone = new AbortController();
  const watch = setInterval(() => {
    if (!isAlive(Number(asker))) gone.abort();
  }, 500).unref();
  try {
    const text = (await readFile(question, 'utf8')).slice(0, questionMax);
    if (kind === 'notice') {
      rmSync(question, { force: true });
      onNotice(text);
      return;
    }
    const given = await answer({
      text,
      isConfirmation: kind === 'confirm',
      asker: Number(asker),
      signal: AbortSignal.any([stopped, gone.signal]),
    }).catch(() => undefined);
    if (given === undefined) rmSync(question, { force: true });
    await writeAnswer(join(directory, `${program}.answer`), given ?? new Uint8Array(0));
    given?.fill(0);
  } catch {
    // The program is gone, and with it the question.
  } finally {
    clearInterval(watch);
  }
}

async function writeAnswer(path: string, bytes: Uint8Array): Promise<void> {
  const until = performance.now() + openMs;
  for (;;) {
    try {
      // Without waiting: whoever was to read it may be gone.
      await using file = await open(path, constants.O_WRONLY | constants.O_NONBLOCK);
      if (bytes.length > 0) await file.write(bytes);
      return;
    } catch (error) {
      // ENXIO: it is about to open its end. Anything else: it is gone.
      if (errnoOf(error) !== 'ENXIO' || performance.now() > until) throw error;
      await pause(20);
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
