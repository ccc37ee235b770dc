/**
 * Sending paths ahead of their acknowledgements, each with an AddToStoreNar of its own. Nix sends all of them with one
 * AddMultipleToStore; this takes no more round trips, the server does the same work, and tells of each path when it is
 * valid, or why it isn't, with the rest going on. It also does without the number of paths in advance, and without what
 * Nix 2.8 makes of a path that is valid already.
 */
import { releaseChunk } from '../../bytes/release.ts';
import { FerryError, isFerryError, messageOf } from '../../error.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { printStorePath, type StoreDir } from '../../format/store-path.ts';
import { unlessAborted } from '../../system/pause.ts';
import {
  addToStoreNar,
  pulledAddToStoreNar,
  type AddToStoreNarRequest,
} from '../../wire/worker/additions.ts';
import type { WorkerOperation } from '../../wire/worker/operation.ts';
import type { Connections } from '../far/connections.ts';
import { Placement } from '../far/placement.ts';
import { runPush, type PushSteps } from '../far/run-push.ts';
import { checkedChunks, skipNar } from '../far/send-nar.ts';
import type { AddOptions, NarStream, PathToAdd } from '../store.ts';
import { upload, type ChunkSink } from './upload.ts';
import type { Reply, WorkerConnection } from './worker-connection.ts';

export interface PushTarget {
  readonly uri: string;
  readonly storeDir: StoreDir;
  readonly connections: Connections<WorkerConnection>;
}

export async function pushPaths(
  target: PushTarget,
  paths: AsyncIterable<PathToAdd>,
  options: AddOptions,
): Promise<void> {
  await runPush(new Push(target, options), paths);
}

/** Paths on their way, for each connection. */
const unacknowledgedMax = 512;

/** With so many bytes on their way over the others, one more connection is worth opening. */
const busyBytes = 1024 * 1024;

interface Lane {
  readonly connection: WorkerConnection;
  /** Of those that are on their way. */
  readonly answers: Set<Promise<unknown>>;
  /** Bytes of NAR of those. */
  bytes: number;
}

class Push implements PushSteps {
  readonly #target: PushTarget;
  readonly #options: AddOptions;
  readonly #lanes: Lane[] = [];
  readonly #placement = new Placement<Lane>();
  readonly #failing = new AbortController();
  #failure: { readonly error: unknown } | undefined;
  #changed = Promise.withResolvers<void>();
  readonly #onAbort = (): void => {
    for (const { connection } of this.#lanes) {
      connection.fail(new FerryError('unavailable', 'adding was aborted'));
    }
    this.#fail(this.#options.signal?.reason);
  };

  constructor(target: PushTarget, options: AddOptions) {
    this.#target = target;
    this.#options = options;
  }

  get failed(): AbortSignal {
    return this.#failing.signal;
  }

  async open(): Promise<void> {
    const { signal } = this.#options;
    await this.#openLane();
    signal?.throwIfAborted();
    signal?.addEventListener('abort', this.#onAbort);
  }

  async #openLane(): Promise<Lane> {
    const { connections } = this.#target;
    const connection = await connections.at(this.#lanes.length, this.#options.signal);
    const lane = { connection, answers: new Set<Promise<unknown>>(), bytes: 0 };
    this.#lanes.push(lane);
    return lane;
  }

  close(): void {
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
  }

  async add({ info, nar }: PathToAdd): Promise<void> {
    const lane = await this.#laneFor(info);
    if (this.#failIfDependent(info)) {
      await skipNar(nar);
      return;
    }
    await this.#send(lane, info, nar);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async settle(): Promise<void> {
    while (this.#lanes.some(({ answers }) => answers.size > 0)) {
      if (this.#failure !== undefined) throw this.#failure.error;
      await this.#changed.promise;
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async giveUp(problem: unknown): Promise<unknown> {
    this.#fail(problem);
    await Promise.allSettled(this.#lanes.flatMap(({ answers }) => [...answers]));
    this.#options.signal?.throwIfAborted();
    return this.#failure?.error ?? problem;
  }

  async #laneFor(info: PathInfo): Promise<Lane> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      const lane = this.#placement.choose(info, this.#lanes);
      const isBusy = lane !== undefined && lane.bytes > busyBytes;
      const isMoreAllowed = this.#lanes.length < this.#target.connections.max;
      if (isBusy && isMoreAllowed && !this.#placement.isBound(info)) return await this.#openLane();
      if (lane !== undefined && lane.answers.size < unacknowledgedMax) return lane;
      await this.#changed.promise;
    }
  }

  async #send(lane: Lane, info: PathInfo, nar: NarStream): Promise<void> {
    const { connection } = lane;
    let broken: { readonly error: unknown } | undefined;
    const { written, answer } = upload(connection, {
      operation: operationFor(connection),
      request: { info, repair: false, dontCheckSigs: this.#options.checkSigs === false },
      what: `cannot add "${this.#print(info)}"`,
      body: async (write, isRefused) => {
        try {
          await this.#sendNar(info, nar, write, isRefused);
        } catch (error) {
          if (!connection.isAlive) throw error;
          // The source's, or the caller's. The upload is ended short of the NAR's end, which the server refuses.
          broken = { error };
          if (this.#options.onFailed === undefined) this.#fail(error);
        }
      },
    });
    this.#placement.sent(info.path, lane);
    lane.bytes += info.narSize;
    const settled = answer
      .then(
        (reply) =>
          this.#hear(info, broken === undefined ? reply : brokenReply(reply, broken.error)),
        (error: unknown) => this.#fail(broken?.error ?? this.#explain(info, error)),
      )
      .finally(() => {
        lane.answers.delete(settled);
        lane.bytes -= info.narSize;
        this.#notify();
      });
    lane.answers.add(settled);
    // A source that is stuck must not keep an abort from ending this.
    await unlessAborted(written, this.#options.signal).catch(() => {});
  }

  async #sendNar(
    info: PathInfo,
    nar: NarStream,
    write: ChunkSink,
    isRefused: () => boolean,
  ): Promise<void> {
    for await (const chunk of checkedChunks(this.#target.storeDir, info, nar)) {
      // Nobody wants the rest: it was refused, or another path failed.
      if (isRefused() || this.#failure !== undefined) return;
      const { length } = chunk;
      const more = write(chunk, () => releaseChunk(chunk));
      if (more instanceof Promise) await more;
      this.#options.onBytes?.(info.path, length);
    }
  }

  #hear(info: PathInfo, reply: Reply<undefined> | { readonly refusal: unknown }): void {
    try {
      if (reply.refusal === undefined) {
        this.#placement.added(info.path);
        this.#options.onAdded?.(info.path);
      } else {
        this.#failPath(info, reply.refusal);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #failPath(info: PathInfo, error: unknown): void {
    this.#placement.failed(info.path);
    if (this.#options.onFailed === undefined) this.#fail(error);
    else this.#options.onFailed(info.path, error);
  }

  #failIfDependent(info: PathInfo): boolean {
    const failed = this.#placement.failedReference(info);
    if (failed === undefined) return false;
    const path = this.#print(info);
    const reference = printStorePath(this.#target.storeDir, failed);
    const message = `cannot add "${path}": "${reference}" could not be added`;
    this.#failPath(info, new FerryError('not-found', message, { path }));
    return true;
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#failing.abort(error);
    this.#notify();
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #explain(info: PathInfo, error: unknown): unknown {
    const path = this.#print(info);
    const details = isFerryError(error) ? error : undefined;
    return new FerryError(
      details?.code ?? 'unavailable',
      `cannot add "${path}": ${messageOf(error)}`,
      {
        path,
        store: this.#target.uri,
        cause: error,
        ...(details?.hint === undefined ? {} : { hint: details.hint }),
      },
    );
  }

  #print({ path }: PathInfo): string {
    return printStorePath(this.#target.storeDir, path);
  }
}

/** What the server makes of an upload that we broke off says nothing; unless the path was valid all the same. */
function brokenReply(
  reply: Reply<undefined>,
  error: unknown,
): Reply<undefined> | { readonly refusal: unknown } {
  return reply.refusal === undefined ? reply : { refusal: error };
}

function operationFor(
  connection: WorkerConnection,
): WorkerOperation<AddToStoreNarRequest, undefined> {
  return connection.supports(pulledAddToStoreNar) ? pulledAddToStoreNar : addToStoreNar;
}
