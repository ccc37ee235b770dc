/** `ferry store verify`: whether what lies in a store is still what was added. */
import { computeClosure } from '../../copy/closure.ts';
import { FerryError } from '../../error.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { printStorePath, type StorePath } from '../../format/store-path.ts';
import type { Store } from '../../store/store.ts';
import { asLocalStore } from '../as-local-store.ts';
import { defineCommand, type Command } from '../command.ts';
import { say, type CommandContext } from '../context.ts';
import { exitStatusOf, printable } from '../errors.ts';
import { usage } from '../parse-words.ts';
import { resolveIn } from '../resolve-in-store.ts';
import { openSession } from '../session.ts';
import { OrderedOutput } from '../ui/ordered-output.ts';
import { formatBytes } from '../../bytes/format-bytes.ts';
import { formatCount } from '../ui/units.ts';
import { verifyContents } from '../verify-contents.ts';
import { storeOption } from './store-option.ts';

const TITLE = 'ferry store verify';

export const storeVerify: Command = defineCommand({
  description: [
    'Each path is read and hashed, and compared with what the store knows of it; what it refers to must be valid too. Paths that differ are printed on stderr, and make the exit status 1.',
  ],
  arguments: [
    { name: 'PATH', help: 'store paths', optional: true, repeated: true, completes: 'file' },
  ],
  options: {
    ...storeOption,
    all: { help: 'all paths of the store', short: 'a' },
    recursive: { help: 'and all that the paths refer to', short: 'r' },
    noContents: { help: 'look only whether they and their references are valid' },
  },
  examples: [
    { meaning: 'the whole store', command: 'ferry store verify --all' },
    { meaning: 'after a copy', command: 'ferry store verify -r --store ssh://server ./result' },
  ],
  async run(context, words, options) {
    if (options.all && words.length > 0) throw usage(TITLE, '--all leaves nothing for a PATH');
    if (!options.all && words.length === 0) throw usage(TITLE, 'no PATH was given, and no --all');
    await using session = openSession(context);
    const store = await session.openExisting(options.store);
    const { signal } = context;
    const named = options.all
      ? await allPathsOf(store, signal)
      : words.map((word) => resolveIn(context, store, word).path);
    const infos = await computeClosure(store, [...named], {
      signal,
      noRecursive: !options.recursive,
    });
    const report = new Report(context, store);
    await checkReferences(store, infos, signal, report);
    await verifyContents(store, infos, {
      signal,
      checkContents: !options.noContents,
      onProblem: (path, problem) => report.problem(path, problem),
    });
    return await report.finish(infos);
  },
});

async function allPathsOf(store: Store, signal: AbortSignal): Promise<Iterable<StorePath>> {
  const local = asLocalStore(store);
  if (local !== undefined) return await local.queryAllValidPaths({ signal });
  throw new FerryError('unsupported', `cannot list the paths of "${store.uri}"`, {
    hint: 'only a store on this machine can tell all of its paths: name those that matter, with -r',
  });
}

/** A valid path's references are valid: what else a store promises. */
async function checkReferences(
  store: Store,
  infos: ReadonlyMap<StorePath, PathInfo>,
  signal: AbortSignal,
  report: Report,
): Promise<void> {
  const references = new Set([...infos.values()].flatMap((info) => info.references));
  const unknown = [...references].filter((path) => !infos.has(path));
  const valid = await store.queryValidPaths(unknown, { signal });
  for (const info of infos.values()) {
    for (const reference of info.references) {
      if (infos.has(reference) || valid.has(reference)) continue;
      const printed = printStorePath(store.storeDir, reference);
      report.problem(info.path, `it refers to "${printed}", which is not valid`);
    }
  }
}

class Report {
  readonly #context: CommandContext;
  readonly #store: Store;
  readonly #output: OrderedOutput;
  readonly #wrong = new Set<StorePath>();

  constructor(context: CommandContext, store: Store) {
    this.#context = context;
    this.#store = store;
    this.#output = new OrderedOutput(context.stderr);
  }

  problem(path: StorePath, problem: string): void {
    this.#wrong.add(path);
    const printed = printStorePath(this.#store.storeDir, path);
    this.#output.line(`error: path "${printed}" is damaged: ${printable(problem)}`);
  }

  async finish(infos: ReadonlyMap<StorePath, PathInfo>): Promise<number> {
    await this.#output.settled();
    const size = [...infos.values()].reduce((sum, info) => sum + info.narSize, 0);
    const checked = `checked ${formatCount(infos.size, 'path')}, ${formatBytes(size)}`;
    const wrong = this.#wrong.size;
    if (wrong === 0) {
      await say(this.#context, `${checked}: nothing is wrong`);
      return 0;
    }
    await say(this.#context, `${checked}: ${formatCount(wrong, 'path')} damaged`);
    return exitStatusOf(new FerryError('corrupt', ''));
  }
}
