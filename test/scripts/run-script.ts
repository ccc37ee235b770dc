/**
 * Scripts of the command line: a text file with commands and what they must print, and the files they need.
 *
 *     # What it guards, and why.
 *     $ ferry hash file hello
 *     sha256-…
 *     $ ferry hash file nothing
 *     2> error: cannot read "nothing": no such file or directory
 *     ? 3
 *     -- hello --
 *     contents of the file "hello"
 *
 * Lines after a command are its stdout; `2> ` marks stderr, `? ` the exit status where it isn't 0. Files follow after
 * the commands; a name that ends in ` +x` is executable. Commands run one after the other in a new directory with an
 * environment of its own; the directory is printed as $DIR, and what changes from run to run as TIME and RATE.
 */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../support/run.ts';
import { makeTempDirectory } from '../support/temp.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

interface Step {
  /** The command, or a comment or blank line that stays as it is. */
  readonly line: string;
  readonly expected: string[];
}

interface Script {
  readonly steps: readonly Step[];
  readonly files: string;
}

/** The file as it would have to be for all of its commands to pass. */
export async function replay(file: string): Promise<{ expected: string; actual: string }> {
  const expected = readFileSync(file, 'utf8');
  const { steps, files } = parse(expected);
  await using temp = makeTempDirectory({ prefix: 'ferry-script-' });
  const dir = temp.join('dir');
  mkdirSync(dir);
  writeFiles(dir, files);
  const lines: string[] = [];
  for (const step of steps) {
    lines.push(step.line);
    if (step.line.startsWith('$ ')) lines.push(...(await perform(step.line.slice(2), temp.path)));
  }
  return { expected, actual: lines.join('\n') + files };
}

async function perform(command: string, place: string): Promise<string[]> {
  const dir = join(place, 'dir');
  const finished = await run('/bin/sh', ['-c', command], {
    cwd: dir,
    env: {
      PATH: `${join(root, 'bin')}:/usr/bin:/bin`,
      HOME: join(place, 'home'),
      NIX_CONF_DIR: join(place, 'etc'),
      LANG: 'C.UTF-8',
      TERM: 'xterm',
    },
    timeoutMs: 30_000,
  });
  const text = (output: string): string[] => {
    const shown = normalise(output, dir).trimEnd();
    return shown === '' ? [] : shown.split('\n');
  };
  return [
    ...text(finished.stdout),
    ...text(finished.stderr).map((line) => `2> ${line}`.trimEnd()),
    ...(finished.status === 0 ? [] : [`? ${finished.status ?? finished.signal}`]),
  ];
}

function normalise(text: string, dir: string): string {
  return text
    .replaceAll(dir, '$DIR')
    .replace(/ in [\d.]+ m?s \([^)]*\/s\)/g, ' in TIME (RATE)')
    .replace(/^[\d.]+ [KMGTP]iB free there$/gm, 'SIZE free there');
}

function parse(text: string): Script {
  const end = /^-- .* --$/m.exec(text)?.index ?? text.length;
  const steps: Step[] = [];
  for (const line of text.slice(0, end).split('\n')) {
    const last = steps.at(-1);
    const isOutput = last?.line.startsWith('$ ') === true && !/^(\$ |# )/.test(line);
    if (isOutput) last.expected.push(line);
    else steps.push({ line, expected: [] });
  }
  return { steps: withGaps(steps), files: text.slice(end) };
}

/** Blank lines at the end of an output belong to the layout of the script. */
function withGaps(steps: readonly Step[]): Step[] {
  return steps.flatMap((step) => {
    const content = step.expected.findLastIndex((line) => line !== '') + 1;
    const gaps = step.expected.slice(content).map((line) => ({ line, expected: [] }));
    return [{ ...step, expected: step.expected.slice(0, content) }, ...gaps];
  });
}

function writeFiles(dir: string, text: string): void {
  const parts = text.split(/^-- (.*) --\n/m).slice(1);
  for (let i = 0; i < parts.length; i += 2) {
    const [, name = '', executable] = /^(.*?)( \+x)?$/.exec(parts[i] ?? '') ?? [];
    const path = join(dir, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, parts[i + 1] ?? '');
    if (executable !== undefined) chmodSync(path, 0o755);
  }
}
