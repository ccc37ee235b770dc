/**
 * A daemon for tests, in the same process and over any store: it can be any version of the protocol, has any features,
 * and says no where it is told to. Real ones are asked in `test/conformance/` and `test/interop/`.
 */
import { ByteReader } from '../../src/bytes/byte-reader.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { messageOf } from '../../src/error.ts';
import type { StorePath } from '../../src/format/store-path.ts';
import { openWorkerConnection } from '../../src/store/worker/open-worker-connection.ts';
import { WorkerStore } from '../../src/store/worker/worker-store.ts';
import type { PathToAdd, Store } from '../../src/store/store.ts';
import type { Codec, WireContext } from '../../src/wire/codec.ts';
import type { AddToStoreNarRequest } from '../../src/wire/worker/additions.ts';
import { readFrames } from '../../src/wire/worker/framed.ts';
import {
  clientGreetingEnd,
  featureNames,
  serverGreeting,
  serverMagic,
} from '../../src/wire/worker/handshake.ts';
import { workerMessage, type WorkerMessage } from '../../src/wire/worker/messages.ts';
import type { WorkerOperation } from '../../src/wire/worker/operation.ts';
import { findWorkerOperation } from '../../src/wire/worker/protocol.ts';
import type { QueryValidPathsRequest } from '../../src/wire/worker/queries.ts';
import { workerVersion } from '../../src/wire/worker/version.ts';
import { startInProcess, type InProcessOptions } from './in-process.ts';

export interface WorkerServerOptions extends InProcessOptions {
  readonly version?: number;
  readonly features?: readonly string[];
  readonly isTrusted?: boolean;
  /** Says something before every answer. */
  readonly isTalkative?: boolean;
  /** The text to say no with to this operation, if any. */
  readonly refuse?: (name: string, path: StorePath | undefined) => string | undefined;
  /** What was asked for, in order. */
  readonly log?: string[];
}

export interface WorkerPairOptions extends WorkerServerOptions {
  readonly connectionsMax?: number;
  readonly onLine?: (line: string) => void;
  readonly overrides?: ReadonlyMap<string, string>;
}

/** The store stays the caller's; disposing the client ends its servers and not the store. */
export function workerStoreOver(
  store: Store,
  options: WorkerPairOptions = {},
): Promise<WorkerStore> {
  const { storeDir } = store;
  const farEnd = { name: 'test', uri: 'ssh-ng://test', program: 'nix-daemon' };
  return WorkerStore.open({
    uri: farEnd.uri,
    storeDir,
    connectionsMax: options.connectionsMax,
    open: (signal) =>
      openWorkerConnection(
        startInProcess((input, output) => new Server(store, input, output, options).run(), options),
        { farEnd, storeDir, onLine: options.onLine, signal },
      ),
  });
}

class Refusal extends Error {}

export class Server {
  readonly #store: Store;
  readonly #reader: ByteReader;
  readonly #output: (bytes: Uint8Array) => Promise<void>;
  readonly #options: WorkerServerOptions;
  #context: WireContext;

  constructor(
    store: Store,
    input: AsyncIterable<Uint8Array>,
    output: (bytes: Uint8Array) => Promise<void>,
    options: WorkerServerOptions = {},
  ) {
    this.#store = store;
    this.#reader = new ByteReader(input);
    this.#output = output;
    this.#options = options;
    const version = options.version ?? workerVersion;
    this.#context = { version, features: new Set(), storeDir: store.storeDir };
  }

  async run(): Promise<void> {
    await this.#greet();
    while (!(await this.#reader.atEnd())) {
      const number = await this.#reader.u64();
      const row = findWorkerOperation(number, this.#context);
      if (row === undefined) {
        await this.#tell({
          kind: 'error',
          level: 0,
          text: `invalid operation ${number}`,
          traces: [],
        });
        return;
      }
      // The table says which types these are; the server is only told what they are by name.
      await this.#answer(row as WorkerOperation<unknown, unknown>);
    }
  }

  async #greet(): Promise<void> {
    await this.#reader.u64();
    const writer = new ByteWriter();
    writer.u64(serverMagic);
    writer.u64(this.#context.version);
    await this.#output(writer.take());
    const version = Math.min(this.#context.version, await this.#reader.u64());
    this.#context = { ...this.#context, version };
    const theirs = await featureNames.read(this.#reader, this.#context);
    const ours = this.#options.features ?? [];
    featureNames.write(writer, ours, this.#context);
    await clientGreetingEnd.read(this.#reader, this.#context);
    const { isTrusted } = this.#options;
    serverGreeting.write(writer, { release: '2.99.1', isTrusted }, this.#context);
    await this.#output(writer.take());
    const common = ours.filter((feature) => theirs.includes(feature));
    this.#context = { ...this.#context, features: new Set(common) };
    await this.#tell({ kind: 'done' });
  }

  async #answer(row: WorkerOperation<unknown, unknown>): Promise<void> {
    const request = await row.request.read(this.#reader, this.#context);
    this.#options.log?.push(row.name);
    if (this.#options.isTalkative === true) await this.#chatter(row.name);
    const isFramed = row.requestStream === 'framed';
    const isPulled = row.requestStream === 'pulled';
    const upload = isFramed ? readFrames(this.#reader) : isPulled ? this.#pull() : undefined;
    try {
      const text = this.#options.refuse?.(row.name, pathIn(request));
      if (text !== undefined) throw new Refusal(text);
      const answer = await this.#work(row.name, request, upload);
      if (isFramed) await drain(upload);
      await this.#tell({ kind: 'done' });
      if (row.responseStream === 'nar') await this.#sendNar(request as StorePath);
      else await this.#send(row.response, answer);
    } catch (error) {
      if (isFramed) await drain(upload);
      await this.#tell({
        kind: 'error',
        level: 0,
        text: messageOf(error),
        traces: ['while testing'],
      });
    }
  }

  async *#pull(): AsyncGenerator<Uint8Array> {
    for (;;) {
      await this.#tell({ kind: 'read', size: 1000 });
      const length = await this.#reader.u64();
      if (length === 0) throw new Refusal('unexpected end-of-file');
      const padded = await this.#reader.read(Math.ceil(length / 8) * 8);
      yield padded.slice(0, length);
    }
  }

  async #work(
    name: string,
    request: unknown,
    upload: AsyncGenerator<Uint8Array> | undefined,
  ): Promise<unknown> {
    const store = this.#store;
    switch (name) {
      case 'QueryValidPaths': {
        const { paths, substitute } = request as QueryValidPathsRequest;
        return [...(await store.queryValidPaths(paths, { substitute }))].sort();
      }
      case 'QueryPathInfo': {
        const path = request as StorePath;
        return (await store.queryPathInfos([path])).get(path);
      }
      case 'QueryDerivationOutputMap': {
        const outputs = await store.queryOutputs?.([request as StorePath]);
        return [...(outputs?.values() ?? [])]
          .flat()
          .map((path) => ({ name: 'out', path }))
          .concat([{ name: 'unbuilt', path: undefined as never }]);
      }
      case 'QueryDerivationOutputs': {
        const outputs = await store.queryOutputs?.([request as StorePath]);
        return [...(outputs?.values() ?? [])].flat();
      }
      case 'AddTempRoot':
        await store.queryValidPaths([request as StorePath], { hold: true });
        return undefined;
      case 'AddSignatures': {
        const { path, signatures } = request as { path: StorePath; signatures: string[] };
        await store.addSignatures?.(new Map([[path, signatures]]));
        return undefined;
      }
      case 'AddToStoreNar':
        await this.#add(request as AddToStoreNarRequest, upload);
        return undefined;
      case 'NarFromPath':
      case 'SetOptions':
      case 'SyncWithGC':
        return undefined;
      default:
        throw new Refusal(`the test's daemon has no ${name}`);
    }
  }

  async #add(
    { info }: AddToStoreNarRequest,
    upload: AsyncGenerator<Uint8Array> | undefined,
  ): Promise<void> {
    if ((await this.#store.queryValidPaths([info.path])).size > 0 || upload === undefined) return;
    const nar = { path: info.path, [Symbol.asyncIterator]: () => exactly(info.narSize, upload) };
    const one = async function* (): AsyncGenerator<PathToAdd> {
      yield { info, nar };
    };
    await this.#store.addPaths?.(one(), { checkSigs: false });
  }

  async #sendNar(path: StorePath): Promise<void> {
    for await (const nar of this.#store.readNars([path])) {
      for await (const chunk of nar) await this.#output(chunk);
    }
  }

  async #chatter(name: string): Promise<void> {
    const start = { id: 2n ** 60n, level: 3, type: 0, parent: 0n, fields: [1n, 'x'] } as const;
    await this.#tell({ kind: 'log', text: `\u001b[32;1m${name}\u001b[0m\n` });
    await this.#tell({ kind: 'start', ...start, text: 'working' });
    await this.#tell({ kind: 'result', id: start.id, type: 101, fields: ['a line of a build'] });
    await this.#tell({ kind: 'result', id: start.id, type: 105, fields: [1n, 2n, 3n, 4n] });
    await this.#tell({ kind: 'stop', id: start.id });
  }

  #tell(message: WorkerMessage): Promise<void> {
    return this.#send(workerMessage, message);
  }

  async #send<T>(codec: Codec<T>, value: T): Promise<void> {
    const writer = new ByteWriter();
    codec.write(writer, value, this.#context);
    if (writer.size > 0) await this.#output(writer.take());
  }
}

function pathIn(request: unknown): StorePath | undefined {
  if (typeof request === 'string') return request as StorePath;
  if (typeof request !== 'object' || request === null) return undefined;
  return (request as Partial<AddToStoreNarRequest>).info?.path;
}

/** As much as a NAR has, and no look at what comes after it: asked for that, an old client has no more. */
async function* exactly(
  size: number,
  upload: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  for (let left = size; left > 0; ) {
    const next = await upload.next();
    if (next.done === true) return;
    left -= next.value.length;
    yield next.value;
  }
}

/** What is framed is read to its end, whatever became of the work. */
async function drain(upload: AsyncIterable<Uint8Array> | undefined): Promise<void> {
  if (upload !== undefined) for await (const _ of upload);
}
