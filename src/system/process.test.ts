import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFerryError } from '../error.ts';
import { startProcess } from './process.ts';

async function collect(readable: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readable) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const sh = (script: string, onStderrLine?: (line: string) => void) =>
  startProcess('sh', ['-c', script], { onStderrLine });

test('bytes go through, and the exit is told', async () => {
  const child = await startProcess('cat', []);
  await child.write(Buffer.from('through '));
  await child.write(Buffer.from('and out'));
  child.end();
  assert.equal(await collect(child.readable), 'through and out');
  assert.deepEqual(await child.exited, { status: 0, signal: undefined });
  assert.equal(child.isRunning, false);
});

test('megabytes go through with back-pressure', async () => {
  const child = await startProcess('cat', []);
  const piece = Buffer.alloc(1 << 20, 1);
  const writing = (async () => {
    let waits = 0;
    for (let i = 0; i < 32; i++) {
      const more = child.write(piece);
      if (more instanceof Promise) waits++;
      await more;
    }
    child.end();
    return waits;
  })();
  let size = 0;
  for await (const chunk of child.readable) size += chunk.length;
  assert.equal(size, 32 << 20);
  assert.ok((await writing) > 0);
});

test('what a child said before it ended is there for who comes late', async () => {
  const child = await sh('echo all; exit 3');
  await child.exited;
  await new Promise((resolve) => {
    setTimeout(resolve, 50);
  });
  assert.equal(await collect(child.readable), 'all\n');
});

test('a program that is not there is not found', async () => {
  await assert.rejects(startProcess('no-such-program-anywhere', []), (error) => {
    assert.ok(isFerryError(error, 'not-found'));
    assert.equal(error.message, 'cannot run "no-such-program-anywhere": there is no such program');
    return true;
  });
});

test('a file that is no program is denied', async () => {
  await assert.rejects(startProcess('/dev/null', []), { code: 'denied' });
});

test('stderr comes line by line without control characters, and its end is kept', async () => {
  const lines: string[] = [];
  const child = await sh('printf "one\\ntwo \\033[31mred\\033[0m\\a\\nlast" >&2; exit 3', (line) =>
    lines.push(line),
  );
  assert.equal(await collect(child.readable), '');
  const ending = await child.ending();
  assert.deepEqual(lines, ['one', 'two red', 'last']);
  assert.deepEqual(ending, { said: 'one\ntwo red\nlast', status: 3, signal: undefined });
});

test('a flood on stderr holds nothing up and is not kept', async () => {
  const child = await sh('yes flood | head -c 5000000 >&2; echo done');
  assert.equal(await collect(child.readable), 'done\n');
  assert.ok((await child.ending()).said.length <= 8192);
});

test('writing to what takes no more is refused', async () => {
  const child = await sh('exec <&-; echo closed; sleep 10');
  await child.readable[Symbol.asyncIterator]().next();
  await assert.rejects(
    async () => {
      for (let i = 0; i < 100; i++) await child.write(Buffer.alloc(1 << 16));
    },
    { code: 'unavailable' },
  );
  await child.abort();
});

test('aborted, it is gone, and may be aborted again', async () => {
  const child = await sh('echo ready; sleep 60');
  await child.readable[Symbol.asyncIterator]().next();
  await child.abort();
  assert.deepEqual(await child.exited, { status: undefined, signal: 'SIGTERM' });
  await child.abort();
  await child.close();
});

test('closed, it may end by itself', async () => {
  const child = await sh('cat >/dev/null; exit 7');
  await child.close();
  assert.deepEqual(await child.exited, { status: 7, signal: undefined });
});

test('a grandchild that keeps stderr open is not waited for', async () => {
  const child = await sh('sleep 2 >&- & echo bye >&2; exit 1');
  for await (const _ of child.readable) break;
  const ending = await child.ending();
  assert.deepEqual(ending, { said: 'bye', status: 1, signal: undefined });
  await child.abort();
});
