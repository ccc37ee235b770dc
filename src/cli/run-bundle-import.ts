/** `ferry import` of a bundle: in files, or as it comes out of a pipe. */
import { resolve } from 'node:path';
import { importBundle, planBundleImport, type BundleSource } from '../copy/bundle-import.ts';
import type { CopyPlan } from '../copy/plan.ts';
import { printStorePath, type StorePath } from '../format/store-path.ts';
import { openBundleStore } from '../store/bundle/bundle-store.ts';
import { openBundleStream } from '../store/bundle/stream-store.ts';
import type { Store } from '../store/store.ts';
import { requireRootedStore } from './as-daemon-store.ts';
import type { CommandContext } from './context.ts';
import { openSession, type Session } from './session.ts';
import { jsonPlan, jsonProgress } from './ui/copy-json.ts';
import type { CopyProgress } from './ui/copy-progress.ts';
import { OrderedOutput } from './ui/ordered-output.ts';
import { dryRunStatus, renderPlan } from './ui/render-plan.ts';
import { showStream } from './ui/stream-progress.ts';

/** Where a bundle is. */
export type BundleInput =
  /** In its file, or its parts in any order; of a single part the others are looked for beside it. */
  | { readonly files: readonly string[] }
  /** To be read from the first byte to the last. */
  | { readonly stream: AsyncIterable<Uint8Array>; readonly name: string };

export interface BundleImportRequest {
  readonly input: BundleInput;
  /** URI of the store; absent is this machine's own. */
  readonly to: string | undefined;
  readonly checkSigs: boolean;
  /** The name of a root for the first of the paths that the bundle was made for; others follow from it. */
  readonly addRoot: string | undefined;
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** @returns the exit status */
export async function runBundleImport(
  context: CommandContext,
  request: BundleImportRequest,
): Promise<number> {
  const { signal } = context;
  const { checkSigs, addRoot } = request;
  await using session = openSession(context);
  const source = session.use(await openSource(context, request.input));
  const destination = await session.open(request.to);
  if (addRoot !== undefined) requireRootedStore(destination);
  if (request.dryRun) return await tellPlan(context, source, destination, request);
  const { progress, printed } = progressFor(context, session, destination, request);
  try {
    const { onEvent } = progress;
    const options = { signal, checkSigs, onEvent };
    const plan = await planBundleImport(source, destination, options);
    // What is there already is as valid as what is about to be.
    for (const path of plan.alreadyValid) printed(path);
    await importBundle(plan, source, destination, options);
    await makeRoots(context, source, destination, addRoot);
  } finally {
    await progress.finish();
  }
  return 0;
}

async function openSource(
  { cwd, signal }: CommandContext,
  input: BundleInput,
): Promise<BundleSource> {
  if ('stream' in input) return await openBundleStream(input.stream, input.name);
  return await openBundleStore(
    input.files.map((file) => resolve(cwd, file)),
    signal,
  );
}

async function tellPlan(
  { signal, stdout }: CommandContext,
  source: BundleSource,
  destination: Store,
  { checkSigs, json }: BundleImportRequest,
): Promise<number> {
  const plan: CopyPlan = await planBundleImport(source, destination, { signal, checkSigs });
  await stdout.write(json ? `${JSON.stringify(jsonPlan(plan))}\n` : renderPlan(plan));
  return dryRunStatus(plan);
}

/** Roots are those of the export, as Nix numbers its own. */
async function makeRoots(
  { cwd, signal }: CommandContext,
  { manifest }: BundleSource,
  destination: Store,
  link: string | undefined,
): Promise<void> {
  if (link === undefined) return;
  for (const [index, path] of manifest.roots.entries()) {
    const name = resolve(cwd, index === 0 ? link : `${link}-${index + 1}`);
    await requireRootedStore(destination).addRoot(name, path, { signal });
  }
}

interface Told {
  readonly progress: CopyProgress;
  /** Says of a path that it is valid. */
  readonly printed: (path: StorePath) => void;
}

function progressFor(
  context: CommandContext,
  session: Session,
  { storeDir }: Store,
  { json }: BundleImportRequest,
): Told {
  if (json) {
    const progress = jsonProgress(context, storeDir);
    session.onLine = progress.print;
    return { progress, printed: () => {} };
  }
  const shown = showStream(context, 'imported');
  session.onLine = shown.print;
  const output = new OrderedOutput(context.stdout);
  const printed = (path: StorePath): void => output.line(printStorePath(storeDir, path));
  const progress: CopyProgress = {
    onEvent(event) {
      if (event.type === 'path-done') printed(event.path);
      shown.onEvent(event);
    },
    print: shown.print,
    async finish() {
      await shown.finish();
      await output.settled();
    },
  };
  return { progress, printed };
}
