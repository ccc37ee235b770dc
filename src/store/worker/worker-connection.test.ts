/** Far ends that fall silent, break off anywhere, or say what they shouldn't: played back, or made of a pipe. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readAll, sampleClosure, samplePath, toAdd } from '../../../test/conformance/nars.ts';
import { startInProcess } from '../../../test/support/in-process.ts';
import { Server } from '../../../test/support/worker-server.ts';
import { ByteWriter } from '../../bytes/byte-writer.ts';
import { isFerryError } from '../../error.ts';
import { defaultStoreDir } from '../../format/store-path.ts';
import type { WireContext } from '../../wire/codec.ts';
import type { Transport } from '../../wire/transport.ts';
import { serverMagic } from '../../wire/worker/handshake.ts';
import { workerMessage, type WorkerMessage } from '../../wire/worker/messages.ts';
import { queryAllValidPaths } from '../../wire/worker/queries.ts';
import { v, workerVersion } from '../../wire/worker/version.ts';
import { MemoryStore } from '../memory.ts';
import { openWorkerConnection, type WorkerConnectionOptions } from './open-worker-connection.ts';
import { WorkerStore } from './worker-store.ts';

const storeDir = defaultStoreDir;
const uri = 'ssh-ng://far';
const farEnd = { name: 'far', uri, program: 'nix-daemon' };
const newest: WireContext = { version: workerVersion, features: new Set(), storeDir };

/** A far end that takes everything, and says what it is made to say. */
class Puppet {
  readonly #toClient = new PassThrough();
  isEnded = false;
  readonly transport: Transport;

  constructor() {
    const end = async (): Promise<void> => this.end();
    this.transport = {
      readable: this.#toClient,
      write: (_, onSent) => onSent?.(),
      end: () => {},
      close: end,
      abort: end,
      ending: async () => ({ said: '' }),
    };
  }

  end(): void {
    this.isEnded = true;
    this.#toClient.end();
  }

  bytes(bytes: Uint8Array): void {
    this.#toClient.write(bytes);
  }

  says(...parts: readonly (number | string | WorkerMessage)[]): void {
    const writer = new ByteWriter();
    for (const part of parts) {
      if (typeof part === 'number') writer.u64(part);
      else if (typeof part === 'string') writer.string(part);
      else workerMessage.write(writer, part, newest);
    }
    this.bytes(writer.take());
  }

  greets(): void {
    this.says(serverMagic, workerVersion, 0, '2.99', 1, { kind: 'done' });
  }
}

function openOver(
  puppet: Puppet,
  options: Partial<WorkerConnectionOptions> = {},
): Promise<WorkerStore> {
  return WorkerStore.open({
    uri,
    storeDir,
    open: () => openWorkerConnection(puppet.transport, { farEnd, storeDir, ...options }),
  });
}

test('who never greets, or stops in the middle of it, is given up on', async () => {
  const silent = new Puppet();
  await assert.rejects(openOver(silent, { greetingMs: 30 }), /no greeting within/);
  const half = new Puppet();
  half.says(serverMagic, workerVersion, 0);
  await assert.rejects(openOver(half, { greetingMs: 30 }), /no greeting within/);
  assert.ok(silent.isEnded && half.isEnded);
});

test('an abort ends the greeting', async () => {
  const half = new Puppet();
  half.says(serverMagic, workerVersion);
  const abort = new AbortController();
  setTimeout(() => abort.abort(new Error('enough')), 20);
  await assert.rejects(openOver(half, { signal: abort.signal }), /enough/);
  assert.ok(half.isEnded);
});

test('a refusal instead of a greeting is told', async () => {
  const puppet = new Puppet();
  const refusal = {
    kind: 'error',
    level: 0,
    text: 'the store is closed today',
    traces: [],
  } as const;
  puppet.says(serverMagic, workerVersion, 0, '2.99', 2, refusal);
  await assert.rejects(openOver(puppet), {
    code: 'denied',
    message: 'cannot connect to "far": far end said: the store is closed today',
  });
});

test('a far end that owes an answer and is silent is given up on, one that works long is not', async () => {
  const puppet = new Puppet();
  puppet.greets();
  await using store = await openOver(puppet, { silenceMs: 100 });
  const verifying = store.verifyStore({ checkContents: true, repair: false });
  await sleep(250);
  puppet.says({ kind: 'done' }, 0);
  assert.equal(await verifying, false);
  await assert.rejects(store.queryAllValidPaths(), {
    code: 'unavailable',
    message: /silent .* and still owes an answer/,
  });
  assert.ok(puppet.isEnded);
});

test('a server that asks for an upload in pieces and falls silent is given up on', async () => {
  const puppet = new Puppet();
  puppet.says(serverMagic, v(22), { kind: 'done' });
  await using store = await openOver(puppet, { silenceMs: 100 });
  const adding = store.addPaths(toAdd(samplePath('a')));
  puppet.says({ kind: 'read', size: 10 });
  await assert.rejects(adding, { code: 'unavailable', message: /silent/ });
});

test('an abort of long work ends the connection: the server need not go on', async () => {
  const puppet = new Puppet();
  puppet.greets();
  await using store = await openOver(puppet);
  const signal = AbortSignal.timeout(20);
  await assert.rejects(store.optimiseStore({ signal }), { name: 'TimeoutError' });
  assert.ok(puppet.isEnded);
});

test('messages that nobody asked for are a breach of the protocol', async () => {
  const { path } = samplePath('a').info;
  const breaches: readonly (readonly (number | WorkerMessage)[])[] = [
    [{ kind: 'read', size: 5 }],
    [{ kind: 'write', data: Uint8Array.of(1) }],
    [12345],
  ];
  for (const breach of breaches) {
    const puppet = new Puppet();
    puppet.greets();
    await using store = await openOver(puppet);
    puppet.says(...breach);
    await assert.rejects(store.queryPathInfos([path]), { code: 'protocol' });
    assert.ok(puppet.isEnded);
  }
});

test('what is wrong in an answer says in which, and where', async () => {
  const puppet = new Puppet();
  puppet.greets();
  const connection = await openWorkerConnection(puppet.transport, { farEnd, storeDir });
  puppet.says({ kind: 'done' }, 2, '/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-a', '/tmp');
  await assert.rejects(connection.ask(queryAllValidPaths, undefined), {
    code: 'corrupt',
    message:
      /^cannot read the answer of "ssh-ng:\/\/far" to QueryAllValidPaths: field "\[1\]" at byte/,
  });
  await connection.close();
});

const { a } = sampleClosure();
const infoOf = (narSize: number): readonly (number | string | WorkerMessage)[] => [
  { kind: 'done' },
  1,
  '',
  '0'.repeat(64),
  0,
  0,
  narSize,
  0,
  0,
  '',
];
const gone: WorkerMessage = {
  kind: 'error',
  level: 0,
  text: `path '/nix/store/${a.info.path}' is not valid`,
  traces: [],
};

test('an error where the NAR should be is told, at either place', async () => {
  for (const before of [[], ['nix-archive-1']]) {
    const puppet = new Puppet();
    puppet.greets();
    await using store = await openOver(puppet);
    // As Nix does it: said twice, then closed.
    puppet.says(...infoOf(a.info.narSize), { kind: 'done' }, ...before, gone, gone);
    puppet.end();
    await assert.rejects(
      async () => {
        for await (const nar of store.readNars([a.info.path])) await readAll(nar);
      },
      {
        code: 'not-found',
        message: new RegExp(`^cannot read the NAR of "/nix/store/${a.info.path}": .*is not valid$`),
      },
    );
  }
});

test('a NAR of another size than its info has, or that is none, ends the connection', async () => {
  const nars = [
    [a.info.narSize - 8, a.nar],
    [a.info.narSize + 8, Buffer.concat([a.nar, Buffer.alloc(8)])],
    [a.info.narSize, Buffer.alloc(a.info.narSize, 'x')],
    [a.info.narSize, a.nar.subarray(0, -8)],
  ] as const;
  for (const [narSize, nar] of nars) {
    const puppet = new Puppet();
    puppet.greets();
    await using store = await openOver(puppet);
    puppet.says(...infoOf(narSize), { kind: 'done' });
    puppet.bytes(nar);
    if (nar.length < narSize) puppet.end();
    await assert.rejects(async () => {
      for await (const stream of store.readNars([a.info.path])) await readAll(stream);
    }, isFerryError);
    assert.ok(puppet.isEnded);
  }
});

test('broken off after any byte, everything ends with an error of ours', async () => {
  const memory = new MemoryStore();
  await memory.addPaths(toAdd(a));
  const recorded: Uint8Array[] = [];
  const session = async (store: WorkerStore): Promise<void> => {
    const paths = [a.info.path, samplePath('absent').info.path];
    await store.queryValidPaths(paths, { hold: true });
    await store.queryClosure([a.info.path], { includeOutputs: true });
    for await (const nar of store.readNars([a.info.path])) await readAll(nar);
    await store.addPaths(toAdd(samplePath('b')));
  };
  const real = startInProcess((input, output) => {
    const tapped = (bytes: Uint8Array): Promise<void> => {
      recorded.push(bytes);
      return output(bytes);
    };
    return new Server(memory, input, tapped, { isTalkative: true }).run();
  });
  {
    const open = () => openWorkerConnection(real, { farEnd, storeDir });
    await using store = await WorkerStore.open({ uri, storeDir, open });
    await session(store);
  }
  const whole = Buffer.concat(recorded);
  for (let size = 0; size < whole.length; size += 5) {
    const puppet = new Puppet();
    puppet.bytes(whole.subarray(0, size));
    puppet.end();
    await assert.rejects(
      async () => {
        await using store = await openOver(puppet);
        await session(store);
      },
      (error) => isFerryError(error) && error.code !== 'internal',
      `after ${size} bytes`,
    );
  }
});
