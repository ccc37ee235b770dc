/** Questions on a real terminal, which `script` makes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { peerTest } from '../support/peers.ts';
import { runOk } from '../support/run.ts';

const client = fileURLToPath(new URL('../support/ask-secret-client.ts', import.meta.url));
const needs = { programs: ['script', 'stty', 'setsid'] } as const;

/** What the terminal shows, when these keys are pressed after the question. */
async function onTerminal(keys: string, word = ''): Promise<string> {
  const command = `stty -a; '${process.execPath}' '${client}' ${word}; stty -a`;
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], SHELL: '/bin/sh', TERM: 'xterm' },
  });
  let shown = '';
  child.stdout.on('data', (bytes) => {
    const isAsking = !shown.includes('Question? ');
    shown += String(bytes);
    if (isAsking && shown.includes('Question? ')) child.stdin.write(keys);
  });
  await once(child, 'close');
  const [before, between, after] = split(shown);
  assert.equal(after, before, 'the terminal is as it was');
  return between;
}

/** The settings before, what the client showed, and the settings after. */
function split(shown: string): [string, string, string] {
  const settings = /speed \d+ baud[^]*?\r\n(?=Question|$)/g;
  const [before = '', after = ''] = shown.match(settings) ?? [];
  return [before.trim(), shown.slice(before.length, shown.length - after.length), after.trim()];
}

peerTest('what is typed is not shown, and the terminal is as before', needs, async () => {
  const secret = "it's ü";
  const hex = Buffer.from(secret).toString('hex');
  assert.equal(await onTerminal(`${secret}\r`), `Question? \r\nanswer: ${hex}\r\n`);
});

peerTest('what is no secret is shown', needs, async () => {
  assert.equal(await onTerminal('yes\r', 'visible'), `Question? yes\r\nanswer: 796573\r\n`);
});

peerTest('^C stops it, and the terminal is as before', needs, async () => {
  const shown = await onTerminal('half\u0003');
  assert.equal(shown, 'Question? \r\nfailed: Error: interrupted\r\n');
});

peerTest('without a terminal there is nobody to ask', needs, async () => {
  assert.equal(await runOk('setsid', ['--wait', process.execPath, client]), 'answer: nobody\n');
});
