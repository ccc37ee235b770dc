/**
 * A closure over a protocol that tells of one path at a time: what an info refers to is asked for as soon as it was
 * read, ahead of all other answers. It takes as many round trips as the longest chain of references is long, whatever
 * the number of paths.
 */
import { FerryError } from '../../error.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { isDerivation, printStorePath, type StorePath } from '../../format/store-path.ts';
import type { WorkerOperation } from '../../wire/worker/operation.ts';
import { queryPathInfo } from '../../wire/worker/queries.ts';
import { outputsQuery } from './outputs.ts';
import type { WorkerConnection } from './worker-connection.ts';

export interface ClosureWalk {
  readonly connection: WorkerConnection;
  readonly roots: readonly StorePath[];
  /** With the valid outputs of every derivation in it. */
  readonly includeOutputs: boolean;
  readonly signal: AbortSignal | undefined;
}

/** References of all paths together, counted as often as they are told: ten times those of any closure reported. */
const referencesMax = 10_000_000;

/** For all answers of one question, as they come. @returns a function that throws once there are too many. */
export function countReferences(): (info: Pick<PathInfo, 'references'>) => void {
  let count = 0;
  return ({ references }) => {
    count += references.length;
    if (count <= referencesMax) return;
    throw new FerryError('corrupt', `more than ${referencesMax} references in all`);
  };
}

/** @throws FerryError `not-found` naming a path that is not valid, be it a root or what a valid path refers to. */
export async function walkClosure(walk: ClosureWalk): Promise<Map<StorePath, PathInfo>> {
  const walker = new Walker(walk);
  return await walker.run();
}

class Walker {
  readonly #walk: ClosureWalk;
  readonly #closure = new Map<StorePath, PathInfo>();
  readonly #asked = new Set<StorePath>();
  /** Paths that must be valid. Outputs needn't. */
  readonly #required = new Set<StorePath>();
  readonly #nextPaths: StorePath[] = [];
  readonly #nextDrvs: StorePath[] = [];
  readonly #over = Promise.withResolvers<void>();
  readonly #count = countReferences();
  #underWay = 0;
  #flush: NodeJS.Immediate | undefined;

  constructor(walk: ClosureWalk) {
    this.#walk = walk;
  }

  async run(): Promise<Map<StorePath, PathInfo>> {
    for (const root of this.#walk.roots) this.#want(root, true);
    this.#send();
    try {
      await this.#over.promise;
      return this.#closure;
    } finally {
      clearImmediate(this.#flush);
    }
  }

  #want(path: StorePath, isRequired: boolean): void {
    if (isRequired) this.#required.add(path);
    if (this.#asked.has(path)) return;
    this.#asked.add(path);
    this.#nextPaths.push(path);
  }

  #learn(path: StorePath, info: Omit<PathInfo, 'path'> | undefined): void {
    if (info === undefined) {
      if (this.#required.has(path)) throw this.#notValid(path);
      return;
    }
    this.#closure.set(path, { path, ...info });
    this.#count(info);
    for (const reference of info.references) this.#want(reference, true);
    if (this.#walk.includeOutputs && isDerivation(path)) this.#nextDrvs.push(path);
    // Once for all the answers that have come so far.
    this.#flush ??= setImmediate(() => {
      this.#flush = undefined;
      this.#send();
    });
  }

  #send(): void {
    const drvs = this.#nextDrvs.splice(0);
    const paths = this.#nextPaths.splice(0);
    void this.#ask(queryPathInfo, paths, (path, info) => this.#learn(path, info));
    void this.#ask(outputsQuery(this.#walk.connection), drvs, (_, outputs) => {
      for (const path of outputs) this.#want(path, false);
    });
    this.#endIfDone();
  }

  async #ask<Response>(
    operation: WorkerOperation<StorePath, Response>,
    paths: readonly StorePath[],
    onAnswer: (path: StorePath, answer: Response) => void,
  ): Promise<void> {
    if (paths.length === 0) return;
    const { connection, signal } = this.#walk;
    this.#underWay++;
    try {
      await connection.askAll(operation, paths, { signal }, (reply, index) => {
        // Thrown in here, it would end the connection.
        this.#orEnd(() => {
          if (reply.refusal !== undefined) throw reply.refusal;
          onAnswer(paths[index] as StorePath, reply.value);
        });
      });
    } catch (error) {
      this.#over.reject(error);
    }
    this.#underWay--;
    // What the last answers led to goes out first, if there was anything.
    if (this.#flush === undefined) this.#send();
  }

  #orEnd(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#over.reject(error);
    }
  }

  #endIfDone(): void {
    const isDone = this.#underWay === 0 && this.#nextPaths.length === 0;
    if (isDone && this.#nextDrvs.length === 0) this.#over.resolve();
  }

  #notValid(path: StorePath): FerryError {
    const { farEnd, context } = this.#walk.connection;
    const printed = printStorePath(context.storeDir, path);
    return new FerryError('not-found', `path "${printed}" is not valid in "${farEnd.uri}"`, {
      path: printed,
      store: farEnd.uri,
    });
  }
}
