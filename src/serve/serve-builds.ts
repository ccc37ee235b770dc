/** BuildPaths and BuildDerivation, of a store that builds nothing: what is there already is fine, the rest is refused. */
import { parseStorePath, type StorePath } from '../format/store-path.ts';
import { buildStatusNumber } from '../wire/build-result.ts';
import { buildDerivation, buildPaths } from '../wire/serve/protocol.ts';
import { readRequest, sendAnswer, type ServeSession } from './serve-session.ts';

export async function answerBuildPaths(session: ServeSession): Promise<void> {
  const { store, context, signal } = session;
  const { targets } = await readRequest(session, buildPaths);
  const plain: StorePath[] = [];
  let refused: string | undefined;
  for (const target of targets) {
    if (target.endsWith('.drv') || target.includes('!')) refused ??= target;
    else plain.push(parseStorePath(context.storeDir, target));
  }
  const substitute = store.features.has('substitute');
  const valid = await store.queryValidPaths(plain, { substitute, signal });
  const missing = plain.find((path) => !valid.has(path));
  refused ??= missing === undefined ? undefined : `${context.storeDir}/${missing}`;
  const failure = refused === undefined ? undefined : failureOf(refused);
  await sendAnswer(session, buildPaths, failure);
}

export async function answerBuildDerivation(session: ServeSession): Promise<void> {
  const { context } = session;
  const { path } = await readRequest(session, buildDerivation);
  const { message } = failureOf(`${context.storeDir}/${path}`);
  await sendAnswer(session, buildDerivation, { status: 'MiscFailure', errorMessage: message });
}

function failureOf(target: string): { status: number; message: string } {
  return {
    status: buildStatusNumber('MiscFailure'),
    message: `cannot build '${target}': this ferry serves paths and builds nothing`,
  };
}
