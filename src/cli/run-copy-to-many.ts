/**
 * A copy to several destinations as the command line runs it: all are opened and planned for at the same time, and what
 * they lack is read once for all of them. Each comes to an end of its own.
 */
import { computeClosure } from '../copy/closure.ts';
import { deriversOf } from '../copy/derivers.ts';
import type { CopySummary } from '../copy/events.ts';
import { fanOut, type FanOutTarget } from '../copy/fan-out.ts';
import { planCopy, type CopyPlan } from '../copy/plan.ts';
import { uriWithoutSecrets } from '../config/uri-without-secrets.ts';
import { gather } from '../deploy/gather.ts';
import { FerryError } from '../error.ts';
import type { PathInfo } from '../format/path-info.ts';
import type { SecretKey } from '../format/signature.ts';
import type { StorePath } from '../format/store-path.ts';
import type { Store } from '../store/store.ts';
import { askForSsh, type PrepareSshFor } from './ask-for-ssh.ts';
import type { CommandContext } from './context.ts';
import { exitStatusOf, partialStatus } from './errors.ts';
import { readSignKeys, signKeyFilesOf } from './read-sign-keys.ts';
import { resolveIn } from './resolve-in-store.ts';
import { letFetch, requireFit, skipOf, vouching, type CopyRequest } from './run-copy.ts';
import { openSession, type Session } from './session.ts';
import { jsonPlan } from './ui/copy-json.ts';
import { countLine, showCopies, type CopyManyProgress } from './ui/copy-many-progress.ts';
import { dryRunStatus, renderPlan } from './ui/render-plan.ts';
import { formatCount } from './ui/units.ts';
import { withCompression } from './with-compression.ts';

export interface CopyToManyRequest
  extends Omit<
    CopyRequest,
    'to' | 'talk' | 'find' | 'openDestination' | 'checkDestination' | 'finish' | 'signKeys'
  > {
  readonly to: readonly string[];
  /** What is copied gets signatures by the keys in these files. */
  readonly signKeyFiles: readonly string[];
  readonly talk: 'people' | 'json';
}

/** In milliseconds: how long the others are waited for once one destination is ready. */
const PATIENCE_MS = 5000;

/** @returns 0 where all have everything; what all of them ended with; 6 where some have it */
export async function runCopyToMany(
  context: CommandContext,
  request: CopyToManyRequest,
): Promise<number> {
  const { signal } = context;
  requireDistinct(request);
  await using session = openSession(context);
  const source = await session.openExisting(withCompression(request.from, request.gzip));
  const named = request.words.map((word) => resolveIn(context, source, word).path);
  const roots = request.derivation ? await deriversOf(source, named, signal) : named;
  const { includeOutputs, noRecursive } = request;
  const closure = await computeClosure(source, roots, { signal, includeOutputs, noRecursive });
  const destinations = destinationsOf(context, request);
  const names = destinations.map(({ name }) => name);
  // Plans are documents: events have no place on stdout beside them.
  const talk = request.dryRun ? 'people' : request.talk;
  const progress = showCopies(context, { talk, storeDir: source.storeDir, names });
  session.onLine = progress.print;
  const prepareSshFor = askForSsh(context, session);
  const copies = new Copies({
    context,
    session,
    source,
    roots,
    closure,
    request,
    prepareSshFor,
    progress,
  });
  try {
    const statuses = request.dryRun
      ? await copies.tellPlans(destinations)
      : await copies.run(destinations);
    signal.throwIfAborted();
    if (talk === 'people' && !request.dryRun) {
      progress.print(countLine(statuses.filter((status) => status === 0).length, statuses.length));
    }
    return joinStatuses(statuses);
  } finally {
    await progress.finish();
  }
}

/** What all ended with; else that some did well. */
export function joinStatuses(statuses: readonly number[]): number {
  const [first = 0] = statuses;
  if (statuses.every((status) => status === first)) return first;
  return statuses.some((status) => status === 0 || status === partialStatus) ? partialStatus : 1;
}

interface Destination {
  readonly uri: string;
  /** For people, without secrets; each has another. */
  readonly name: string;
  readonly signKeys: readonly SecretKey[];
}

function destinationsOf(
  context: CommandContext,
  { to, signKeyFiles }: CopyToManyRequest,
): Destination[] {
  const seen = new Map<string, number>();
  return to.map((uri) => {
    const plain = uriWithoutSecrets(uri);
    const count = (seen.get(plain) ?? 0) + 1;
    seen.set(plain, count);
    const name = count === 1 ? plain : `${plain} (${count})`;
    const signKeys = readSignKeys(context, [...signKeyFiles, ...signKeyFilesOf(uri)]);
    return { uri, name, signKeys };
  });
}

interface Scene {
  readonly context: CommandContext;
  readonly session: Session;
  readonly source: Store;
  readonly roots: readonly StorePath[];
  readonly closure: ReadonlyMap<StorePath, PathInfo>;
  readonly request: CopyToManyRequest;
  readonly prepareSshFor: PrepareSshFor;
  readonly progress: CopyManyProgress;
}

class Copies {
  readonly #scene: Scene;
  readonly #statuses = new Map<Destination, number>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** @returns the status of each */
  async run(destinations: readonly Destination[]): Promise<number[]> {
    const { context, source } = this.#scene;
    const { signal } = context;
    const copied: Promise<void>[] = [];
    const checks = destinations.map((destination) => this.#check(destination));
    for await (const group of gather(checks, { patienceMs: PATIENCE_MS })) {
      const outcomes = fanOut(
        source,
        group.map(({ target }) => target),
        { signal },
      );
      for (const { destination, target } of group) {
        copied.push(this.#hear(destination, outcomes.get(target.key)));
      }
    }
    await Promise.all(copied);
    return destinations.map((destination) => this.#statuses.get(destination) ?? 1);
  }

  async tellPlans(destinations: readonly Destination[]): Promise<number[]> {
    const { context, request, progress } = this.#scene;
    if (request.substitute) {
      progress.print('note: a dry run lets the destinations fetch nothing: they may need less');
    }
    const plans = destinations.map((destination) => this.#planQuietly(destination));
    const statuses: number[] = [];
    for (const [index, planning] of plans.entries()) {
      const plan = await planning;
      const destination = destinations[index] as Destination;
      if (plan === undefined) {
        statuses.push(this.#statuses.get(destination) ?? 1);
        continue;
      }
      const text =
        request.talk === 'json' ? `${JSON.stringify(jsonPlan(plan))}\n` : renderPlan(plan);
      await context.stdout.write(text);
      statuses.push(dryRunStatus(plan));
    }
    return statuses;
  }

  async #planQuietly(destination: Destination): Promise<CopyPlan | undefined> {
    try {
      const store = await this.#open(destination);
      return await this.#plan(destination, store, store, false);
    } catch (error) {
      this.#fail(destination, error);
      return undefined;
    }
  }

  async #check(
    destination: Destination,
  ): Promise<{ destination: Destination; target: FanOutTarget } | undefined> {
    try {
      return { destination, target: await this.#target(destination) };
    } catch (error) {
      this.#fail(destination, error);
      return undefined;
    }
  }

  async #target(named: Destination): Promise<FanOutTarget> {
    const { session, request, progress } = this.#scene;
    const { checkSigs, keepGoing, substitute } = request;
    const destination = await this.#open(named);
    const onEvent: FanOutTarget['onEvent'] = (event) => progress.onEvent(named.name, event);
    const fetching = substitute
      ? await letFetch(session, destination, { onEvent, print: progress.print }, 'people')
      : destination;
    const plan = await this.#plan(named, destination, fetching, substitute);
    const { unsignable = [] } = plan;
    if (unsignable.length > 0) {
      const count = formatCount(unsignable.length, 'path');
      progress.print(
        `warning: ${count} in "${destination.uri}" already: there is no way to sign them there`,
      );
    }
    const keepSignatures = named.signKeys.length > 0;
    return {
      key: named.uri,
      destination,
      plan,
      checkSigs,
      keepGoing,
      keepSignatures,
      onEvent,
    };
  }

  async #open({ uri, name }: Destination): Promise<Store> {
    const { session, source, request, prepareSshFor } = this.#scene;
    const address = withCompression(uri, request.gzip) ?? uri;
    const special = { name, prepareSsh: prepareSshFor(address) };
    const destination = await session.open(address, special);
    requireFit(source, destination, { from: request.from, to: uri, talk: 'people' });
    return destination;
  }

  async #plan(
    { uri, name, signKeys }: Destination,
    destination: Store,
    fetching: Store,
    substitute: boolean,
  ): Promise<CopyPlan> {
    const { context, session, source, roots, closure, request, progress } = this.#scene;
    const { checkSigs } = request;
    const single = { ...request, to: uri, signKeys };
    const skip = (await skipOf(session, single))?.(destination);
    const refusesToSign = await vouching(session, single, source);
    return await planCopy(source, fetching, roots, {
      signal: context.signal,
      closure,
      checkSigs,
      substitute,
      signKeys,
      refusesToSign,
      skip,
      onEvent: (event) => progress.onEvent(name, event),
    });
  }

  async #hear(destination: Destination, outcome: Promise<CopySummary> | undefined): Promise<void> {
    try {
      const summary = await outcome;
      this.#statuses.set(destination, (summary?.failed ?? 0) > 0 ? partialStatus : 0);
    } catch (error) {
      this.#fail(destination, error);
    }
  }

  #fail(destination: Destination, error: unknown): void {
    const { context, progress } = this.#scene;
    this.#statuses.set(destination, exitStatusOf(error));
    // All of them end with the same, which is told once.
    if (!context.signal.aborted) progress.onFailed(destination.name, error);
  }
}

function requireDistinct({ from, to }: CopyToManyRequest): void {
  const again = to.find((uri, index) => to.indexOf(uri) !== index);
  if (again !== undefined) {
    throw new FerryError('usage', `"${uriWithoutSecrets(again)}" is named twice as a destination`);
  }
  if (from !== undefined && to.includes(from)) {
    const name = uriWithoutSecrets(from);
    throw new FerryError('usage', `source and destination are the same store, "${name}"`);
  }
}
