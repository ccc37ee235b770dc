/**
 * A large store that is nothing but its database, registered by real Nix: what queries cost there. There are no trees,
 * so nothing of it can be copied or verified.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { NixHome } from '../test/support/nix-home.ts';
import { inventStorePath } from './store-path.ts';

const REFERENCES = 6;
/** So many of them make a tree, by which the first path has all of the others in its closure; the rest is chance. */
const IN_TREE = 3;
const TIMEOUT_MS = 30 * 60_000;

/** Each path refers to six others, but for the last ones, which have fewer after them. */
export async function buildDatabase(home: NixHome, count: number): Promise<string> {
  const paths = Array.from({ length: count }, (_, n) => inventStorePath(`store-${count}-${n}`));
  const random = randomNumbers(count);
  const lines = paths.flatMap((path, n) => {
    const hash = createHash('sha256').update(path).digest('hex');
    const narSize = 112 + 8 * (random() % 1000);
    const references = [...referencesOf(n, count, random)].map((target) => paths[target] ?? '');
    return [path, hash, String(narSize), '', String(references.length), ...references];
  });
  const input = lines.map((line) => `${line}\n`).join('');
  await home.runOk('nix-store', ['--load-db'], { input, timeoutMs: TIMEOUT_MS });
  const [root = ''] = paths;
  mkdirSync(home.realPath('/nix/store'), { recursive: true });
  writeFileSync(home.realPath(root), '');
  return root;
}

function referencesOf(n: number, count: number, random: () => number): Set<number> {
  const references = new Set<number>();
  for (let i = 1; i <= IN_TREE; i++) {
    if (IN_TREE * n + i < count) references.add(IN_TREE * n + i);
  }
  const left = count - n - 1;
  while (references.size < Math.min(REFERENCES, left)) references.add(n + 1 + (random() % left));
  return references;
}

/** The same on every machine: xorshift. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
