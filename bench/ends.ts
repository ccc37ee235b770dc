/** The two ends of a row: how each is reached, emptied and looked into. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { remoteProgram } from '../test/support/far-program.ts';
import type { NixHome } from '../test/support/nix-home.ts';
import { startRelay } from '../test/support/relay.ts';
import { startSshd } from '../test/support/sshd.ts';
import { removeTree } from '../test/support/temp.ts';
import type { CorpusSet } from './corpus.ts';
import { benchDirectory, checkout } from './directory.ts';
import type { CacheEnd, End, Row } from './row.ts';

export interface OpenEnd {
  readonly uri: string;
  /** Variables that a command needs to reach it. */
  readonly env: Readonly<Record<string, string>>;
  /** Empties it, where it is the destination. */
  empty(): void;
  /** How many paths of the set it has. */
  count(set: CorpusSet): Promise<number>;
}

/** @param home where a store of this end is; a cache lies beside it. */
export async function openEnd(
  end: End,
  home: NixHome,
  row: Row,
  resources: AsyncDisposableStack,
): Promise<OpenEnd> {
  const store = { empty: () => removeTree(home.root), count: countIn(home) };
  if (end === 'local') return { ...store, uri: home.storeUri, env: {} };
  if (typeof end === 'string') return { ...store, ...(await openFar(end, home, row, resources)) };
  const directory = end === row.from ? cacheOf(row, end) : join(home.path, 'cache');
  const cache = {
    empty: () => removeTree(directory),
    count: async () => readdirSync(directory).filter((name) => name.endsWith('.narinfo')).length,
  };
  return end.cache === 'file'
    ? { ...cache, uri: `file://${directory}?compression=${end.compression}`, env: {} }
    : { ...cache, uri: await serveStatic(directory, row, resources), env: {} };
}

/** Where Nix writes the cache that a row reads, once for all runs. */
export function cacheOf({ set }: Row, { compression }: CacheEnd): string {
  return join(benchDirectory(), 'caches', `${set}-${compression}`);
}

/** Has Nix write the cache that a row reads, where it isn't there yet. */
export async function ensureCache(row: Row, source: NixHome, set: CorpusSet): Promise<void> {
  if (typeof row.from === 'string') return;
  const directory = cacheOf(row, row.from);
  if (existsSync(directory)) return;
  const fresh = `${directory}.new`;
  removeTree(fresh);
  mkdirSync(join(directory, '..'), { recursive: true });
  const to = `file://${fresh}?compression=${row.from.compression}`;
  console.error(`corpus: writing the cache ${row.set}-${row.from.compression}`);
  const args = ['copy', '--from', source.storeUri, '--to', to, set.path];
  await source.runOk('nix', args, { timeoutMs: 30 * 60_000 });
  renameSync(fresh, directory);
}

function countIn(home: NixHome): (set: CorpusSet) => Promise<number> {
  return async (set) => {
    const query = ['--query', '--requisites', set.path];
    return (await home.runOk('nix-store', query)).split('\n').length;
  };
}

async function openFar(
  kind: 'ssh' | 'ssh-ng',
  home: NixHome,
  row: Row,
  resources: AsyncDisposableStack,
): Promise<Pick<OpenEnd, 'uri' | 'env'>> {
  const dir = join(home.path, 'sshd');
  mkdirSync(dir);
  const sshd = resources.use(await startSshd({ dir }));
  const port = await delayed(sshd.port, row, resources);
  const options = port === sshd.port ? sshd.sshOptions : sshd.sshOptionsVia(port);
  const program = home.peer.program(kind === 'ssh' ? 'nix-store' : 'nix-daemon');
  const script = remoteProgram(dir, { program, env: home.env });
  return {
    uri: `${kind}://${sshd.host}?remote-program=${script}`,
    env: { NIX_SSHOPTS: options },
  };
}

async function serveStatic(
  directory: string,
  row: Row,
  resources: AsyncDisposableStack,
): Promise<string> {
  const program = join(checkout, 'bench/static-server.ts');
  const child = spawn(process.execPath, [program, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  resources.defer(async () => {
    const ended = once(child, 'exit');
    child.kill();
    await ended;
  });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return `http://127.0.0.1:${await delayed(Number(line), row, resources)}`;
}

/** The port itself, or that of a relay in front of it where the row has a slow link. */
async function delayed(
  port: number,
  { delayMs }: Row,
  resources: AsyncDisposableStack,
): Promise<number> {
  if (delayMs === undefined) return port;
  const link = { delayMs };
  return resources.use(await startRelay({ port, up: link, down: link })).port;
}
