/** The answers that change nothing. */
import { ByteWriter } from '../bytes/byte-writer.ts';
import { computeClosure } from '../copy/closure.ts';
import { sortTopologically } from '../copy/order.ts';
import type { PathInfo } from '../format/path-info.ts';
import { compareStorePaths, type StorePath } from '../format/store-path.ts';
import { writeExport, type PathToExport } from '../wire/export-stream.ts';
import { servedPathInfo } from '../wire/serve/path-info.ts';
import {
  dumpStorePath,
  exportPaths,
  queryClosure,
  queryPathInfos,
  queryValidPaths,
} from '../wire/serve/protocol.ts';
import { optionalStorePath } from '../wire/store-codecs.ts';
import { notValid, readRequest, sendAnswer, type ServeSession } from './serve-session.ts';

/** An answer goes out in pieces of about this many bytes. */
const pieceSize = 64 * 1024;

export async function answerValidPaths(session: ServeSession): Promise<void> {
  const { store, canWrite, signal } = session;
  const { lock, substitute, paths } = await readRequest(session, queryValidPaths);
  const valid = await store.queryValidPaths(paths, {
    hold: lock && canWrite && store.features.has('hold'),
    substitute: substitute && canWrite && store.features.has('substitute'),
    signal,
  });
  await sendAnswer(session, queryValidPaths, [...valid].sort(compareStorePaths));
}

export async function answerPathInfos(session: ServeSession): Promise<void> {
  const { store, send, context, signal } = session;
  const paths = await readRequest(session, queryPathInfos);
  const infos = await store.queryPathInfos(paths, { signal });
  const writer = new ByteWriter(pieceSize);
  for (const path of paths) {
    const info = infos.get(path);
    if (info === undefined) continue;
    servedPathInfo.write(writer, { ...info, downloadSize: info.narSize }, context);
    if (writer.size >= pieceSize) await send(writer.take());
  }
  optionalStorePath.write(writer, undefined, context);
  await send(writer.take());
}

export async function answerDump(session: ServeSession): Promise<void> {
  const path = await readRequest(session, dumpStorePath);
  await requireValid(session, [path]);
  for await (const nar of session.store.readNars([path], { signal: session.signal })) {
    for await (const chunk of nar) await session.send(chunk);
  }
}

export async function answerClosure(session: ServeSession): Promise<void> {
  const { store, signal } = session;
  const { includeOutputs, paths } = await readRequest(session, queryClosure);
  await requireValid(session, paths);
  const closure = await computeClosure(store, paths, { includeOutputs, signal });
  await sendAnswer(session, queryClosure, [...closure.keys()].sort(compareStorePaths));
}

/** An export stream of just these paths, what is referred to first. */
export async function answerExport(session: ServeSession): Promise<void> {
  const { store, send, context, signal } = session;
  const { paths } = await readRequest(session, exportPaths);
  await requireValid(session, paths);
  const infos = await store.queryPathInfos(paths, { signal });
  for await (const chunk of writeExport(context.storeDir, pathsToExport(session, infos))) {
    await send(chunk);
  }
}

async function* pathsToExport(
  { store, signal }: ServeSession,
  infos: ReadonlyMap<StorePath, PathInfo>,
): AsyncGenerator<PathToExport> {
  const sorted = sortTopologically([...infos.values()]).map(({ path }) => path);
  for await (const nar of store.readNars(sorted, { signal })) {
    const info = infos.get(nar.path);
    if (info !== undefined) yield { info, nar };
  }
}

async function requireValid(session: ServeSession, paths: readonly StorePath[]): Promise<void> {
  const { store, signal } = session;
  const valid = await store.queryValidPaths(paths, { signal });
  const invalid = paths.find((path) => !valid.has(path));
  if (invalid !== undefined) throw notValid(session, invalid);
}
