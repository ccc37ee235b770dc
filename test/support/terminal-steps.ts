/**
 * A program: runs a command of the shell at a terminal of its own, waits for texts and types what follows each. Prints
 * all that came out, and ends as the command does; with 99 where a text doesn't come.
 * Words: the command, and the steps as JSON: `[["text to wait for", "keys to type"], …]`.
 */
import { spawn } from 'node:child_process';

const PATIENCE_MS = 30_000;
const [command = 'true', json = '[]'] = process.argv.slice(2);
const steps = JSON.parse(json) as readonly (readonly [wait: string, type: string])[];

const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
let said = '';
let at = 0;
let step = 0;

function proceed(): void {
  for (let next = steps[step]; next !== undefined; next = steps[step]) {
    const found = said.indexOf(next[0], at);
    if (found < 0) return;
    at = found + next[0].length;
    step++;
    child.stdin.write(next[1]);
  }
}

child.stdout.setEncoding('utf8').on('data', (text: string) => {
  said += text;
  proceed();
});
const late = setTimeout(() => {
  process.stderr.write(`waited for ${JSON.stringify(steps[step]?.[0])} in vain after:\n${said}\n`);
  child.kill('SIGKILL');
  process.exitCode = 99;
}, PATIENCE_MS);
child.once('close', (status) => {
  clearTimeout(late);
  process.stdout.write(said);
  process.exitCode ??= status ?? 98;
});
