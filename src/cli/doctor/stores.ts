/** The store of this machine, and one elsewhere. */
import { accessSync, constants, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Settings } from '../../config/settings.ts';
import type { Store } from '../../store/store.ts';
import { asLocalStore, realStoreDirOf } from '../as-local-store.ts';
import type { CommandContext } from '../context.ts';
import { openSession } from '../session.ts';
import { formatBytes } from '../../bytes/format-bytes.ts';
import { formatDuration, formatNumber } from '../ui/units.ts';
import { failedCheck, type Check } from './check.ts';

/** Less than this is soon used up, in bytes. */
const LITTLE_SPACE = 1 << 30;

export async function checkDefaultStore(
  context: CommandContext,
  { store: uri }: Settings,
): Promise<Check[]> {
  const name = 'default store';
  try {
    await using session = openSession(context);
    const store = await session.open(undefined);
    const detail = `${store.uri}, in ${store.storeDir}${uri === 'auto' ? '' : ` (setting store = ${uri})`}`;
    const checks: Check[] = [{ name, status: 'ok', detail }];
    const local = asLocalStore(store);
    if (local !== undefined) checks.push(await contentsOf(local, context.signal));
    checks.push(writing(store), ...(await space(store, 'space', context.signal)));
    return checks;
  } catch (error) {
    context.signal.throwIfAborted();
    return [failedCheck(name, error)];
  }
}

/** Connects, asks, and says what answered. */
export async function checkFarStore(context: CommandContext, uri: string): Promise<Check[]> {
  const name = 'far store';
  const lines: string[] = [];
  try {
    await using session = openSession(context);
    session.onLine = (line) => lines.push(line);
    const startedAt = performance.now();
    const store = await session.open(uri);
    await store.queryValidPaths([], { signal: context.signal });
    const connectedAt = performance.now();
    await store.queryValidPaths([], { signal: context.signal });
    const roundTrip = performance.now() - connectedAt;
    const connecting = formatDuration(connectedAt - startedAt);
    const detail = `${store.uri} answers: connected in ${connecting}, a question takes ${roundTrip.toFixed(0)} ms`;
    const checks: Check[] = [{ name, status: 'ok', detail }];
    if (lines.length > 0) {
      checks.push({ name: 'it says', status: 'note', detail: lines.join('\n') });
    }
    const far: Check = store.features.has('write')
      ? { name: 'writing there', status: 'ok', detail: 'offered' }
      : {
          name: 'writing there',
          status: 'note',
          detail: 'not offered: paths can only be copied from it',
        };
    checks.push(far, ...(await space(store, 'space there', context.signal)));
    return checks;
  } catch (error) {
    context.signal.throwIfAborted();
    const failed = failedCheck(name, error);
    // What ssh said is often in the message already.
    const further = lines.filter((line) => !failed.detail.includes(line));
    return [{ ...failed, detail: [failed.detail, ...further].join('\n') }];
  }
}

async function contentsOf(
  store: NonNullable<ReturnType<typeof asLocalStore>>,
  signal: AbortSignal,
): Promise<Check> {
  const name = 'paths in it';
  const { length } = await store.queryAllValidPaths({ signal });
  const detail = length === 0 ? 'none yet' : formatNumber(length);
  return { name, status: 'ok', detail };
}

/** Whether this user can add to it. */
function writing(store: Store): Check {
  const name = 'writing to it';
  if (!store.features.has('write')) {
    return { name, status: 'note', detail: 'not possible: it is read-only' };
  }
  const directory = realStoreDirOf(store);
  if (directory === undefined) return { name, status: 'ok', detail: 'possible' };
  const existing = nearestExisting(directory);
  try {
    accessSync(existing, constants.W_OK);
    const detail =
      existing === directory ? 'possible' : `possible: "${directory}" is made when needed`;
    return { name, status: 'ok', detail };
  } catch {
    return {
      name,
      status: 'note',
      detail: `not possible: no permission for "${existing}"`,
      advice: 'run ferry as root to copy into this store; copying from it works as it is',
    };
  }
}

async function space(store: Store, name: string, signal: AbortSignal): Promise<Check[]> {
  const free = await store.freeSpace?.({ signal });
  if (free === undefined) return [];
  const files = free.files === undefined ? '' : `, ${formatNumber(free.files)} files`;
  const detail = `${formatBytes(free.bytes)} free${files}`;
  return free.bytes < LITTLE_SPACE
    ? [{ name, status: 'note', detail, advice: 'collect garbage: nix-store --gc' }]
    : [{ name, status: 'ok', detail }];
}

function nearestExisting(path: string): string {
  let at = path;
  while (!existsSync(at) && at !== '/') at = dirname(at);
  return at;
}
