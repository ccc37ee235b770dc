import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeTempDirectory } from '../../test/support/temp.ts';
import { hashBytes } from '../format/hash.ts';

const module = new URL('./read-descriptor.ts', import.meta.url).href;
const wide = new URL('./pipe-size.ts', import.meta.url).href;

/** What a process reads of its stdin: bytes, pieces, a hash. */
const READER = `
import { createHash } from 'node:crypto';
const { readDescriptor } = await import(${JSON.stringify(module)});
const { widenPipe } = await import(${JSON.stringify(wide)});
await widenPipe(0);
const hash = createHash('sha256');
let bytes = 0;
let pieces = 0;
for await (const piece of readDescriptor(0)) {
  hash.update(piece);
  bytes += piece.length;
  pieces += 1;
  if (process.argv[1] === 'slowly') await new Promise((resolve) => setTimeout(resolve, 2));
  if (process.argv[1] === 'break') break;
}
console.log(JSON.stringify({ bytes, pieces, hash: hash.digest('hex') }));
`;

interface Read {
  readonly bytes: number;
  readonly pieces: number;
  readonly hash: string;
}

const bytes = Buffer.alloc(5_000_000, 'what goes in comes out ');
const hash = Buffer.from(hashBytes('sha256', bytes).digest).toString('hex');

async function read(
  stdin: 'socket' | number,
  how = '',
  feed: readonly Uint8Array[] = [],
): Promise<Read> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', READER, how], {
    stdio: [stdin === 'socket' ? 'pipe' : stdin, 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout?.on('data', (data: Buffer) => {
    text += String(data);
  });
  child.stdin?.on('error', () => {});
  for (const piece of feed) child.stdin?.write(piece);
  if (how !== 'break') child.stdin?.end();
  const [status] = (await once(child, 'close')) as [number];
  assert.equal(status, 0);
  return JSON.parse(text) as Read;
}

describe('a descriptor', () => {
  test('that is a file, a socket or a pipe is read to its end', async () => {
    using temp = makeTempDirectory();
    const file = temp.join('file');
    writeFileSync(file, bytes);
    const throughPipe = async (how: string): Promise<Read> => {
      const shell = `cat "$0" | "$1" --input-type=module --eval "$2" ${how}`;
      const child = spawn('sh', ['-c', shell, file, process.execPath, READER], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let text = '';
      for await (const data of child.stdout) text += String(data);
      return JSON.parse(text) as Read;
    };
    const found = await Promise.all([
      read(openSync(file, 'r')),
      read('socket', '', [bytes]),
      throughPipe('quickly'),
      throughPipe('slowly'),
    ]);
    for (const each of found) assert.deepEqual([each.bytes, each.hash], [bytes.length, hash]);
    assert.ok((found[0]?.pieces ?? 99) <= 10, 'in large pieces');
  });

  test('that gives little at a time is read as it comes, and may be left', async () => {
    const small = Array.from({ length: 50 }, (_, i) => Buffer.from(`${i}\n`));
    const { bytes: count } = await read('socket', 'slowly', small);
    assert.equal(count, Buffer.concat(small).length);
    assert.equal((await read('socket', 'break', small)).pieces, 1);
  });

  test('that is none of these is not read', async () => {
    const { readDescriptor } = await import(fileURLToPath(module));
    const fd = openSync('/dev/null', 'r');
    assert.equal(readDescriptor(fd), undefined);
  });
});
