/**
 * Copies to many stores from one reading of the source. Each copy is a transfer of its own, with its plan, its options,
 * its end; what they share is the reading: a NAR that several lack is read once, and each takes it at its own pace. Who
 * falls behind by more than the memory that is set aside goes on with a reading of its own.
 */
import type { PathInfo } from '../format/path-info.ts';
import type { StorePath } from '../format/store-path.ts';
import type { CallOptions, Store } from '../store/store.ts';
import type { CopySummary } from './events.ts';
import { FanOutReader } from './fan-out-reader.ts';
import { Reading } from './fan-out-reading.ts';
import { SharedRoom } from './fan-out-room.ts';
import { orderToSend, sortTopologically } from './order.ts';
import type { CopyPlan } from './plan.ts';
import { transfer, type TransferOptions } from './transfer.ts';

export interface FanOutTarget extends TransferOptions {
  /** By which the outcome is found; each has another. */
  readonly key: string;
  readonly destination: Store;
  /** Of a copy from the source to this destination. */
  readonly plan: CopyPlan;
}

export interface FanOutOptions extends CallOptions {
  /** Targets that take part at the same time; the others follow. Default: all. */
  readonly parallel?: number | undefined;
  /** Bytes of NAR that are kept for those who are slower than others, in all. Default 64 MiB. */
  readonly windowBytes?: number | undefined;
}

export type FanOutOutcomes = ReadonlyMap<string, Promise<CopySummary>>;

const windowBytesDefault = 64 * 1024 * 1024;
/** Milliseconds after which who may begin does so alone: those who begin together share what is read. */
const GATHER_MS = 200;

/**
 * Each promise is settled on its own, as `transfer` settles: no destination delays another or fails it. Those that have
 * threads of their own for what lies on this machine read by themselves, which is faster.
 *
 * ```ts
 * import { fanOut, MemoryStore, planCopy } from 'nix-ferry';
 *
 * await using source = new MemoryStore();
 * await using destination = new MemoryStore();
 * const plan = await planCopy(source, destination, []);
 * const outcomes = fanOut(source, [{ key: 'one', destination, plan }]);
 * console.log((await outcomes.get('one'))?.copied); // 0
 * ```
 */
export function fanOut(
  source: Store,
  targets: Iterable<FanOutTarget>,
  options: FanOutOptions = {},
): FanOutOutcomes {
  return new FanOut(source, options).add(targets);
}

interface Job {
  readonly target: FanOutTarget;
  readonly signal: AbortSignal | undefined;
  readonly outcome: PromiseWithResolvers<CopySummary>;
}

/** The same where some targets are known later than others. */
export class FanOut {
  readonly #source: Store;
  readonly #signal: AbortSignal | undefined;
  readonly #parallel: number;
  readonly #room: SharedRoom;
  readonly #waiting: Job[] = [];
  #running = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(source: Store, options: FanOutOptions = {}) {
    this.#source = source;
    this.#signal = options.signal;
    this.#parallel = Math.max(1, options.parallel ?? Number.POSITIVE_INFINITY);
    this.#room = new SharedRoom({
      bytesMax: options.windowBytes ?? windowBytesDefault,
      turns: Math.max(1, source.readingsMax ?? 1),
    });
  }

  /** Those that are added at once share what is read for them, as far as `parallel` lets them begin at once. */
  add(targets: Iterable<FanOutTarget>): FanOutOutcomes {
    const outcomes = new Map<string, Promise<CopySummary>>();
    for (const target of targets) {
      const outcome = Promise.withResolvers<CopySummary>();
      // It may be looked at late, or not at all.
      outcome.promise.catch(() => {});
      outcomes.set(target.key, outcome.promise);
      this.#enqueue({ target, outcome, signal: eitherOf(target.signal, this.#signal) });
    }
    this.#startSome();
    return outcomes;
  }

  #enqueue(job: Job): void {
    const { signal, outcome } = job;
    this.#waiting.push(job);
    const onAbort = (): void => {
      const place = this.#waiting.indexOf(job);
      if (place < 0) return;
      this.#waiting.splice(place, 1);
      outcome.reject(signal?.reason);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    const forget = (): void => signal?.removeEventListener('abort', onAbort);
    outcome.promise.then(forget, forget);
  }

  #startSome(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const jobs = this.#waiting.splice(0, this.#parallel - this.#running);
    if (jobs.length === 0) return;
    this.#running += jobs.length;
    const [sharing, alone] = partition(jobs, ({ target }) => !this.#readsByItself(target));
    for (const job of alone) void this.#run(job, () => transferAlone(this.#source, job));
    let group: Group | undefined;
    for (const job of sharing) {
      void this.#run(job, () => {
        group ??= new Group(this.#source, this.#room, sharing);
        return group.transfer(job);
      });
    }
  }

  async #run(job: Job, carryOut: () => Promise<CopySummary>): Promise<void> {
    try {
      job.outcome.resolve(await carryOut());
    } catch (error) {
      job.outcome.reject(error);
    }
    this.#running--;
    if (this.#waiting.length === 0) return;
    if (this.#running === 0) this.#startSome();
    else this.#timer ??= setTimeout(() => this.#startSome(), GATHER_MS);
  }

  /** Trees and what is compressed are taken on threads of its own, without a byte passing through here. */
  #readsByItself({ destination }: FanOutTarget): boolean {
    return destination.features.has('trees') && this.#source.readingsMax !== undefined;
  }
}

/** Those who began together, and the readings that they have come to share. */
class Group {
  readonly #source: Store;
  readonly #room: SharedRoom;
  readonly #order: readonly StorePath[];
  readonly #members = new Map<Job, Member>();
  /** Where each is at present. */
  readonly #readings = new Map<FanOutReader, Reading>();

  constructor(source: Store, room: SharedRoom, jobs: readonly Job[]) {
    this.#source = source;
    this.#room = room;
    const order = orderOf(jobs.map(({ target }) => target.plan));
    this.#order = order.map(({ path }) => path);
    for (const job of jobs) {
      const own = new Map(job.target.plan.missing.map((info) => [info.path, info]));
      const missing = this.#order.map((path) => own.get(path)).filter((info) => info !== undefined);
      const onChange = (): void => this.#readings.get(reader)?.wake();
      const reader: FanOutReader = new FanOutReader(missing, onChange);
      this.#members.set(job, { reader, missing });
    }
    this.#read([...this.#members.values()].map(({ reader }) => reader));
  }

  async transfer(job: Job): Promise<CopySummary> {
    const { signal, target } = job;
    const { destination, plan } = target;
    const { reader, missing } = this.#members.get(job) as Member;
    const onAbort = (): void => reader.leave({ error: signal?.reason });
    signal?.addEventListener('abort', onAbort);
    try {
      const options = { ...target, signal, keepOrder: true };
      const source = { readNars: () => reader.read() };
      return await transfer({ ...plan, missing }, source, destination, options);
    } finally {
      signal?.removeEventListener('abort', onAbort);
      reader.leave();
      this.#readings.get(reader)?.leave(reader);
    }
  }

  #read(readers: readonly FanOutReader[]): void {
    const reading = new Reading({
      source: this.#source,
      room: this.#room,
      order: this.#order,
      part: (lagging) => this.#read(lagging),
    });
    for (const reader of readers) {
      this.#readings.set(reader, reading);
      reading.join(reader);
    }
  }
}

interface Member {
  readonly reader: FanOutReader;
  /** What it lacks, in the order of the group. */
  readonly missing: readonly PathInfo[];
}

/** One order for all: what comes after all that it refers to does so for each of them. */
function orderOf(plans: readonly CopyPlan[]): readonly PathInfo[] {
  const all = new Map<StorePath, PathInfo>();
  for (const { missing } of plans) for (const info of missing) all.set(info.path, info);
  const narSize = [...all.values()].reduce((sum, info) => sum + info.narSize, 0);
  return orderToSend(sortTopologically([...all.values()]), narSize);
}

function transferAlone(source: Store, { target, signal }: Job): Promise<CopySummary> {
  return transfer(target.plan, source, target.destination, { ...target, signal });
}

function eitherOf(a: AbortSignal | undefined, b: AbortSignal | undefined): AbortSignal | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return AbortSignal.any([a, b]);
}

function partition<T>(all: readonly T[], isFirst: (one: T) => boolean): [T[], T[]] {
  return [all.filter(isFirst), all.filter((one) => !isFirst(one))];
}
