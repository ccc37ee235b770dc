/**
 * Sending paths ahead of their acknowledgements. The far end works through them in order, one answer for each, so the
 * round trip is paid once and not for every path.
 */
import { FerryError, isFerryError, messageOf } from '../../error.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { printStorePath, type StoreDir, type StorePath } from '../../format/store-path.ts';
import { queryValidPaths } from '../../wire/serve/protocol.ts';
import type { AddOptions, PathToAdd } from '../store.ts';
import type { Connections } from '../far/connections.ts';
import type { Sink } from '../far/far-connection.ts';
import type { ServeConnection } from './connection.ts';
import { Lane, type Sent } from './push-lane.ts';
import { Placement } from '../far/placement.ts';
import { runPush, type PushSteps } from '../far/run-push.ts';
import { keepNar, sendNar, skipNar } from '../far/send-nar.ts';

export interface PushTarget {
  readonly uri: string;
  readonly storeDir: StoreDir;
  readonly connections: Connections<ServeConnection>;
}

/** Paths on their way, for each connection. */
const unacknowledgedMax = 512;
/** Bytes of NAR that are kept to be sent again, when one failure is not to be the end. */
const keptMax = 32 * 1024 * 1024;
/** Larger ones aren't kept: nothing else is on its way while one of these is. */
const keptPathMax = 8 * 1024 * 1024;

export async function pushPaths(
  target: PushTarget,
  paths: AsyncIterable<PathToAdd>,
  options: AddOptions,
): Promise<void> {
  await runPush(new Push(target, options), paths);
}

class Push implements PushSteps {
  readonly #target: PushTarget;
  readonly #options: AddOptions;
  readonly #lanes: Lane[] = [];
  readonly #placement = new Placement<Lane>();
  readonly #failing = new AbortController();
  #failure: { readonly error: unknown } | undefined;
  /** Errors that aren't the far end's; they are passed on as they are. */
  readonly #ownErrors = new Set<unknown>();
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

  /** Aborted by the first failure, where the first is the last. */
  get failed(): AbortSignal {
    return this.#failing.signal;
  }

  async open(): Promise<void> {
    const { connections } = this.#target;
    const { signal } = this.#options;
    const events = {
      onAcknowledged: ({ path }: PathInfo): void => this.#added(path),
      onFailed: (): void => this.#laneFailed(),
    };
    const opened = Array.from({ length: connections.max }, (_, i) => connections.at(i, signal));
    for (const [index, connection] of (await Promise.all(opened)).entries()) {
      this.#lanes.push(new Lane(index, connection, events));
    }
    signal?.throwIfAborted();
    signal?.addEventListener('abort', this.#onAbort);
  }

  close(): void {
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
  }

  async add({ info, nar }: PathToAdd): Promise<void> {
    if (this.#options.onFailed !== undefined) {
      await this.#addOrSkip(info, nar);
      return;
    }
    const lane = await this.#laneFor(info);
    await this.#send(lane, info, nar);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Until everything that was sent is acknowledged or has failed. */
  async settle(): Promise<void> {
    while (await this.#recover()) {
      if (this.#lanes.every((lane) => lane.unacknowledged.length === 0)) return;
      await this.#changed.promise;
    }
  }

  /** What to throw, after hearing of all that the far end still makes valid. */
  async giveUp(problem: unknown): Promise<unknown> {
    this.#fail(problem);
    await Promise.all(this.#lanes.map((lane) => lane.answered()));
    this.#options.signal?.throwIfAborted();
    return this.#failure?.error ?? problem;
  }

  async #addOrSkip(info: PathInfo, nar: PathToAdd['nar']): Promise<void> {
    const { storeDir } = this.#target;
    if (this.#failIfDependent(info)) {
      await skipNar(nar);
      return;
    }
    if (info.narSize > keptPathMax) {
      await this.settle();
      if (this.#failIfDependent(info)) await skipNar(nar);
      else await this.#send(this.#lanes[0] as Lane, info, nar);
      await this.settle();
      return;
    }
    let chunks: Uint8Array[];
    try {
      chunks = await keepNar(storeDir, info, nar);
    } catch (error) {
      this.#failPath(info, error);
      return;
    }
    const lane = await this.#laneFor(info);
    if (!this.#failIfDependent(info)) await this.#send(lane, info, chunks);
  }

  /** Where it may go now: over the one connection that all unacknowledged references went over, or the idlest. */
  async #laneFor(info: PathInfo): Promise<Lane> {
    while (await this.#recover()) {
      const lane = this.#placement.choose(info, this.#lanes);
      if (lane !== undefined && this.#hasRoom(lane, info)) return lane;
      await this.#changed.promise;
    }
    throw this.#failure?.error;
  }

  #hasRoom(lane: Lane, info: PathInfo): boolean {
    if (lane.unacknowledged.length >= unacknowledgedMax) return false;
    if (this.#options.onFailed === undefined) return true;
    const kept = this.#lanes.reduce((sum, { bytes }) => sum + bytes, 0);
    return kept === 0 || kept + info.narSize <= keptMax;
  }

  async #send(
    lane: Lane,
    info: PathInfo,
    nar: AsyncIterable<Uint8Array> | readonly Uint8Array[],
  ): Promise<void> {
    const chunks = Symbol.iterator in nar ? nar : undefined;
    const { storeDir } = this.#target;
    this.#placement.sent(info.path, lane);
    await lane.send(info, chunks, async (sink, head) => {
      const earlier = lane.unacknowledged.slice(0, -1);
      try {
        await sendNar(this.#guard(sink), head, storeDir, info, nar, (bytes) => {
          this.#options.onBytes?.(info.path, bytes);
        });
      } catch (error) {
        if (lane.connection.isAlive) this.#ownErrors.add(error);
        // Cut short, this connection is of no more use; but those before were sent whole.
        await Promise.allSettled(earlier.map(({ answer }) => answer));
        throw error;
      }
    });
  }

  /** Stops in the middle of a NAR when another connection has failed for good. */
  #guard(sink: Sink): Sink {
    return (bytes, onSent) => {
      if (this.#failure !== undefined) throw this.#failure.error;
      return sink(bytes, onSent);
    };
  }

  #added(path: StorePath): void {
    this.#placement.added(path);
    try {
      this.#options.onAdded?.(path);
    } catch (error) {
      this.#fail(error);
    }
    this.#notify();
  }

  #laneFailed(): void {
    if (this.#options.onFailed === undefined) {
      const lane = this.#lanes.find(({ failure }) => failure !== undefined);
      const culprit = lane?.unacknowledged[0];
      if (culprit !== undefined) this.#fail(this.#explain(culprit.info, lane?.failure?.error));
    }
    this.#notify();
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

  /**
   * Mends what has failed, where the caller wants the rest.
   * @returns true: what can't be mended is thrown.
   */
  async #recover(): Promise<true> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      const lane = this.#lanes.find(({ failure }) => failure !== undefined);
      if (lane === undefined) return true;
      await this.#recoverLane(lane);
    }
  }

  async #recoverLane(lane: Lane): Promise<void> {
    const error = lane.failure?.error;
    const canGoOn = lane.connection.isRefused || this.#ownErrors.has(error);
    const [culprit, ...lost] = lane.takeLost();
    if (culprit === undefined || !canGoOn) throw error;
    this.#failPath(culprit.info, this.#explain(culprit.info, error));
    const { signal } = this.#options;
    lane.connection = await this.#target.connections.at(lane.index, signal);
    const paths = lost.map(({ info }) => info.path);
    const request = { lock: false, substitute: false, paths };
    const valid = new Set(await lane.connection.ask(queryValidPaths, request, signal));
    for (const { info, chunks } of lost) await this.#sendAgain(lane, info, chunks, valid);
  }

  async #sendAgain(
    lane: Lane,
    info: PathInfo,
    chunks: Sent['chunks'],
    valid: ReadonlySet<StorePath>,
  ): Promise<void> {
    if (valid.has(info.path)) this.#added(info.path);
    else if (this.#failIfDependent(info)) return;
    else if (chunks === undefined) throw new FerryError('internal', 'contents were not kept');
    else await this.#send(lane, info, chunks);
  }

  #failIfDependent(info: PathInfo): boolean {
    const failed = this.#placement.failedReference(info);
    if (failed === undefined) return false;
    const { storeDir } = this.#target;
    const path = printStorePath(storeDir, info.path);
    const reference = printStorePath(storeDir, failed);
    const message = `cannot add "${path}": "${reference}" could not be added`;
    this.#failPath(info, new FerryError('not-found', message, { path }));
    return true;
  }

  #failPath(info: PathInfo, error: unknown): void {
    this.#placement.failed(info.path);
    this.#options.onFailed?.(info.path, error);
  }

  #explain(info: PathInfo, error: unknown): unknown {
    if (this.#ownErrors.has(error)) return error;
    const path = printStorePath(this.#target.storeDir, info.path);
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
}
