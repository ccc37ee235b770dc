/** Says what needs paths, or that nothing does. */
import { printStorePath, type StorePath } from '../format/store-path.ts';
import type { Store } from '../store/store.ts';
import type { CommandContext, Output } from './context.ts';
import type { GarbageView } from './garbage-view.ts';
import { paintFor } from './looking.ts';
import { holdingJson, renderHolding } from './ui/render-holding.ts';

/** Ways that are told of each path. */
const WAYS_MAX = 5;

/** On stdout, for people or in JSON. */
export async function tellWhy(
  { stdout }: CommandContext,
  { storeDir }: Store,
  view: GarbageView,
  paths: readonly StorePath[],
  { isJson }: { readonly isJson: boolean },
): Promise<void> {
  const lines: string[] = [];
  const objects: object[] = [];
  for (const path of paths) {
    const holding = await view.why(path, { max: WAYS_MAX });
    objects.push(holdingJson(storeDir, path, holding));
    if (lines.length > 0 && stdout.isTerminal) lines.push('');
    if (holding.count === 0) lines.push(`${printStorePath(storeDir, path)}: nothing needs it`);
    else lines.push(...renderHolding(path, holding, lookOn(stdout, storeDir)));
  }
  const json = { version: 1, paths: objects };
  await stdout.write(isJson ? `${JSON.stringify(json)}\n` : `${lines.join('\n')}\n`);
}

/**
 * On stderr, for those that are needed.
 * @returns these
 */
export async function tellNeeded(
  { stderr }: CommandContext,
  { storeDir }: Store,
  view: GarbageView,
  paths: Iterable<StorePath>,
): Promise<StorePath[]> {
  const needed: StorePath[] = [];
  for (const path of paths) {
    const holding = await view.why(path, { max: 1 });
    if (holding.count === 0) continue;
    needed.push(path);
    const lines = renderHolding(path, holding, lookOn(stderr, storeDir));
    await stderr.write(`${lines.join('\n')}\n`);
  }
  return needed;
}

function lookOn(output: Output, storeDir: Store['storeDir']): Parameters<typeof renderHolding>[2] {
  return { storeDir, paint: paintFor(output), isFlat: !output.isTerminal };
}
