/** Which store paths the hosts of a fleet are to get, from what was written of them. */
import { resolve } from 'node:path';
import type { DeployTask, PinnedPath } from '../deploy/deploy.ts';
import type { Host, Pin } from '../deploy/fleet.ts';
import { FerryError, isFerryError } from '../error.ts';
import { parseHashAlgorithm } from '../format/hash.ts';
import { printStorePath, type StorePath } from '../format/store-path.ts';
import type { CallOptions, Store } from '../store/store.ts';
import { addContentTo } from './add-content-to.ts';
import type { CommandContext } from './context.ts';
import { treeOf } from './input-file.ts';
import { nameInStore } from './name-in-store.ts';
import { resolveIn } from './resolve-in-store.ts';
import type { Session } from './session.ts';

/** Finds paths and remembers them: many hosts get the same. What has to be evaluated may take as long as building it. */
export class DeployPaths {
  readonly #context: CommandContext;
  readonly #session: Session;
  readonly #source: Store;
  readonly #closures = new Map<string, Promise<StorePath>>();
  readonly #pinned = new Map<string, Promise<StorePath>>();
  readonly #build: boolean;

  /** @param options `build`: what has to be evaluated is built too, which is the default */
  constructor(
    context: CommandContext,
    session: Session,
    source: Store,
    { build = true }: { readonly build?: boolean | undefined } = {},
  ) {
    this.#context = context;
    this.#session = session;
    this.#source = source;
    this.#build = build;
  }

  /**
   * @param given what is to run on all hosts, where that was said
   * @throws FerryError `usage` where nothing says it; `not-found`
   */
  async taskFor(host: Host, given: string | undefined): Promise<DeployTask> {
    const path = await this.closureOf(host, given);
    const pins: PinnedPath[] = [];
    for (const { link, source } of host.pins) {
      const target = source === undefined ? path : await this.#pinnedPath({ link, source });
      pins.push({ link, path: target });
    }
    return { host, path, pins };
  }

  /** @throws FerryError `usage` where nothing says what is to run there; `not-found` */
  async closureOf(host: Host, given?: string): Promise<StorePath> {
    const word = given ?? host.closure;
    if (word === undefined) {
      throw new FerryError('usage', `nothing says what is to run on "${host.name}"`, {
        hint: `name it: ferry deploy ./result, or closure = "./result" in ${host.origin}`,
      });
    }
    return await remembered(this.#closures, word, () => this.#find(word));
  }

  async #find(word: string): Promise<StorePath> {
    if (!word.includes('#')) return resolveIn(this.#context, this.#source, word).path;
    const { findInstallables, pathsOf } = await import('./compat/nix/installables.ts');
    const call = {
      context: this.#context,
      store: undefined,
      keepGoing: false,
      evaluation: [],
      passedOn: [],
    };
    const [path, ...others] = pathsOf(
      await findInstallables(call, this.#source, [word], { build: this.#build }),
    );
    if (path !== undefined && others.length === 0) return path;
    throw new FerryError('usage', `"${word}" is ${others.length + 1} paths, and one can be live`);
  }

  async #pinnedPath({ source: word }: { link: string; source: string }): Promise<StorePath> {
    return await remembered(this.#pinned, word, async () => {
      try {
        return resolveIn(this.#context, this.#source, word).path;
      } catch (error) {
        const isFile = isFerryError(error, 'not-found') && word.includes('/');
        if (!isFile) throw error;
        const file = resolve(this.#context.cwd, word);
        const name = nameInStore(word, file);
        const tree = await treeOf(this.#context, word);
        const algorithm = parseHashAlgorithm('sha256');
        const content = { name, method: 'nar', algorithm, references: [], scan: false } as const;
        return (await addContentTo(this.#session, this.#source, tree, content)).path;
      }
    });
  }
}

/**
 * What is to go to hosts must be here: that is no host's fault, and known before one is connected to.
 * @throws FerryError `not-found`
 */
export async function requireValidTasks(
  source: Store,
  tasks: readonly DeployTask[],
  { signal }: CallOptions,
): Promise<void> {
  const wanted = new Set(tasks.flatMap(({ path, pins }) => [path, ...pins.map((pin) => pin.path)]));
  const valid = await source.queryValidPaths(wanted, { signal });
  const absent = [...wanted].find((path) => !valid.has(path));
  if (absent === undefined) return;
  const printed = printStorePath(source.storeDir, absent);
  throw new FerryError('not-found', `path "${printed}" is not valid in "${source.uri}"`, {
    path: printed,
    store: source.uri,
    hint: 'build it, fetch it (ferry realise), or say where it is: --from STORE',
  });
}

/** `LINK` or `LINK=PATH`, as the command line has pins. @throws FerryError `usage` */
export function parsePin(text: string): Pin {
  const at = text.indexOf('=');
  const link = at < 0 ? text : text.slice(0, at);
  const source = at < 0 ? undefined : text.slice(at + 1);
  if (!link.startsWith('/') || source === '') {
    throw new FerryError('usage', `"${text}" is no pin`, {
      hint: 'a pin is an absolute path on the host, and what it is to lead to: --pin /etc/nixos/nixpkgs=./nixpkgs',
    });
  }
  return { link, source };
}

function remembered<T>(
  known: Map<string, Promise<T>>,
  word: string,
  find: () => Promise<T>,
): Promise<T> {
  const found = known.get(word) ?? find();
  known.set(word, found);
  return found;
}
