/** `ferry export --bundle`: a closure into a bundle, on stdout, in a file, or in parts of a size. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { headerOf, writeBundle, type BundleOutput } from '../copy/bundle-export.ts';
import { planBundle, type BundlePlan } from '../copy/bundle-plan.ts';
import type { OnCopyEvent } from '../copy/events.ts';
import { FerryError, messageOf } from '../error.ts';
import { bundleCompressions, type BundleCompression } from '../format/bundle/manifest.ts';
import {
  isStorePathBaseName,
  parseStorePath,
  type StoreDir,
  type StorePath,
} from '../format/store-path.ts';
import { openBundleFiles, type BundleFiles } from '../store/bundle/bundle-files.ts';
import type { Store } from '../store/store.ts';
import { translateOsError } from '../system/os-error.ts';
import type { CommandContext } from './context.ts';
import { resolveIn } from './resolve-in-store.ts';
import { openSession, type Session } from './session.ts';
import { jsonProgress } from './ui/copy-json.ts';
import type { CopyProgress } from './ui/copy-progress.ts';
import { showStream } from './ui/stream-progress.ts';
import { formatCount, formatNumber } from './ui/units.ts';

export interface BundleExportRequest {
  /** URI of the store; absent is this machine's own. */
  readonly from: string | undefined;
  /** Paths as they were typed. */
  readonly words: readonly string[];
  readonly noRecursive: boolean;
  readonly includeOutputs: boolean;
  /** As they were typed: what is left out with all it refers to. */
  readonly since: readonly string[];
  /** Files that list what is on the other machine. */
  readonly withoutClosureOf: readonly string[];
  /** As they were typed. */
  readonly compression: string | undefined;
  readonly level: string | undefined;
  readonly split: string | undefined;
  /** The file; absent or "-" is stdout. */
  readonly output: string | undefined;
  readonly json: boolean;
}

const TITLE = 'ferry export';
/** Of a list of paths: some million of them. */
const LIST_BYTES_MAX = 256 * 1024 * 1024;

/** @returns the exit status */
export async function runBundleExport(
  context: CommandContext,
  request: BundleExportRequest,
): Promise<number> {
  const { signal } = context;
  const output = request.output === '-' ? undefined : request.output;
  const compression = compressionOf(request.compression);
  const level = levelOf(request.level);
  const partBytes = request.split === undefined ? undefined : sizeOf(request.split);
  requireOutput(context, output, partBytes, request);
  await using session = openSession(context);
  const source = await session.openExisting(request.from);
  const find = (words: readonly string[]): StorePath[] =>
    words.map((word) => resolveIn(context, source, word).path);
  const without = readLists(context, request.withoutClosureOf, source.storeDir);
  const progress = request.json
    ? jsonProgress({ ...context, stdout: context.stderr }, source.storeDir)
    : showStream(context, 'exported');
  session.onLine = progress.print;
  try {
    const { noRecursive, includeOutputs } = request;
    const plan = await planBundle(source, find(request.words), {
      signal,
      noRecursive,
      includeOutputs,
      compression,
      level,
      since: find(request.since),
      without,
      onEvent: progress.onEvent,
    });
    const scene = { context, session, source, plan, progress, compression };
    if (output === undefined) await writeToStdout(scene);
    else await writeToFile(scene, resolve(context.cwd, output), partBytes);
  } finally {
    await progress.finish();
  }
  return 0;
}

interface Scene {
  readonly context: CommandContext;
  readonly session: Session;
  readonly source: Store;
  readonly plan: BundlePlan;
  readonly progress: CopyProgress;
}

async function writeToStdout({ context, session, source, plan, progress }: Scene): Promise<void> {
  const { signal, stdout } = context;
  await stdout.widen?.();
  const output: BundleOutput = { write: (bytes) => stdout.write(bytes) };
  const { workers } = session;
  const { onEvent } = progress;
  await writeBundle(source, plan, headerOf(plan), output, { signal, workers, onEvent });
}

async function writeToFile(
  { context, session, source, plan, progress }: Scene,
  file: string,
  partBytes: number | undefined,
): Promise<void> {
  const { signal } = context;
  const { workers } = session;
  const { onEvent, print } = progress;
  const header = headerOf(plan);
  await using files = await openBundleFiles(file, header, { partBytes, signal });
  const total = plan.manifest.infos.length;
  tellFound(files, total, print);
  const { done } = files;
  let finished: (() => void) | undefined;
  let isBegun = done.length > 0;
  // What has no name yet isn't done.
  const hold: OnCopyEvent = (event) => {
    if (event.type === 'path-done') isBegun = true;
    if (event.type === 'done') finished = () => onEvent(event);
    else onEvent(event);
  };
  try {
    await writeBundle(source, plan, header, files, { signal, workers, done, onEvent: hold });
  } catch (error) {
    if (isBegun)
      print('note: what is written so far is kept, and the same command goes on with it');
    throw error;
  }
  const names = await files.commit();
  finished?.();
  const [first, last] = [names[0], names.at(-1)];
  if (partBytes !== undefined && first !== undefined && last !== undefined) {
    print(
      `wrote ${formatCount(names.length, 'part')}: "${first}"${first === last ? '' : ` to "${last}"`}`,
    );
  }
}

function tellFound(
  { found, done }: BundleFiles,
  total: number,
  print: (line: string) => void,
): void {
  if (found === 'another') {
    print('note: what an earlier export left under this name is not of this one: starting afresh');
  }
  if (done.length > 0) {
    const count = `${formatNumber(done.length)} of ${formatCount(total, 'path')}`;
    print(`going on with what an earlier export left: ${count} are there`);
  }
}

function requireOutput(
  { stdout, cwd }: CommandContext,
  output: string | undefined,
  partBytes: number | undefined,
  { words }: BundleExportRequest,
): void {
  if (output === undefined && partBytes !== undefined) {
    throw new FerryError('usage', '--split needs -o FILE: parts have names', {
      hint: `${TITLE} --bundle --split 4G -o FILE ${words.join(' ')}`,
    });
  }
  if (output === undefined && stdout.isTerminal) {
    throw new FerryError('usage', 'cannot write a bundle to a terminal', {
      hint: `${TITLE} --bundle -o FILE ${words.join(' ')}`,
    });
  }
  if (output === '') throw new FerryError('usage', '-o names no file');
  if (output !== undefined && output.endsWith('/') && existsSync(resolve(cwd, output))) {
    throw new FerryError('usage', `cannot write a bundle to "${output}": it is a directory`);
  }
}

function compressionOf(text: string | undefined): BundleCompression {
  const compression = bundleCompressions.find((name) => name === (text ?? 'zstd'));
  if (compression !== undefined) return compression;
  throw new FerryError('usage', `cannot compress a bundle with "${text}"`, {
    hint: `it is one of ${bundleCompressions.join(', ')}`,
  });
}

function levelOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^-?\d{1,3}$/.test(text)) return Number(text);
  throw new FerryError('usage', `--level "${text}" is not a number`);
}

const UNITS = 'KMGT';

/** `700M`, `4G`, `4.5G`, or bytes; of the powers of 1024. @throws FerryError `usage` */
function sizeOf(text: string): number {
  const match = /^(\d{1,15}(?:\.\d{1,3})?)([KMGT]?)(?:i?B)?$/i.exec(text);
  const unit = match?.[2] ?? '';
  const power = unit === '' ? 0 : UNITS.indexOf(unit.toUpperCase()) + 1;
  const bytes = match?.[1] === undefined ? 0 : Math.floor(Number(match[1]) * 1024 ** power);
  if (bytes > 0 && Number.isSafeInteger(bytes)) return bytes;
  throw new FerryError('usage', `"${text}" is not a size`, {
    hint: 'sizes are written 4G or 700M',
  });
}

/** Paths in full or by base name, one in a line. @throws FerryError `usage` for what is no such list */
function readLists(
  { cwd }: CommandContext,
  files: readonly string[],
  storeDir: StoreDir,
): Set<StorePath> {
  const listed = new Set<StorePath>();
  for (const file of files) {
    for (const [index, line] of readLines(resolve(cwd, file), file).entries()) {
      const word = line.trim();
      if (word === '') continue;
      try {
        listed.add(isStorePathBaseName(word) ? word : parseStorePath(storeDir, word));
      } catch (error) {
        const problem = `line ${index + 1} of "${file}" is no store path: ${messageOf(error)}`;
        throw new FerryError('usage', problem, {
          cause: error,
          hint: 'it is to be what ferry store list printed there',
        });
      }
    }
  }
  return listed;
}

function readLines(path: string, file: string): string[] {
  try {
    const { size } = statSync(path);
    if (size > LIST_BYTES_MAX) {
      throw new FerryError('usage', `"${file}" is no list of paths: it has ${size} bytes`);
    }
    return readFileSync(path, 'utf8').split('\n');
  } catch (error) {
    throw translateOsError(error, 'read', file);
  }
}
