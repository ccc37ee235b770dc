/**
 * Programs that see the store of a home as this machine's own: `/nix` is that of the home, in a mount namespace which
 * goes away with them. That is how programs of a store really run, and how Nix builds without a sandbox. It works
 * whether or not the machine has a `/nix`: all else of its root directory is the machine's.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NixHome } from './nix-home.ts';
import { run, type Finished, type RunOptions } from './run.ts';

export interface InsideOptions extends Pick<RunOptions, 'env' | 'input' | 'cwd' | 'timeoutMs'> {
  /** Let it reach this machine's network. By default not even loopback is up. */
  readonly network?: boolean;
}

/**
 * `$1` an empty directory to make a root of, `$2` what becomes its /nix, `$3` the working directory. A mere chroot isn't
 * enough: Nix leaves and enters mount namespaces itself, and finds itself at their root then.
 */
const SCRIPT = `set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 none "$1"
for entry in /* /.[!.]*; do
  name=\${entry#/}
  case $name in nix|'*'|'.[!.]*') continue ;; esac
  if [ -L "$entry" ]; then cp -P "$entry" "$1/$name"
  elif [ -d "$entry" ]; then mkdir "$1/$name"; mount --rbind "$entry" "$1/$name"
  else : >"$1/$name"; mount --bind "$entry" "$1/$name"
  fi
done
mkdir "$1/nix"
mount --rbind "$2" "$1/nix"
cd "$1"
PATH=$PATH:/usr/sbin:/sbin pivot_root . .
umount -l .
cd "$3"
shift 3
exec "$@"
`;

/** Says that there are no other machines to build on. */
const NO_OTHER_MACHINES = `#!/bin/sh
echo '# decline-permanently' >&2
exec cat >/dev/null
`;

/** What keeps this machine from it, for `peerTest`'s `programs`. */
export const insidePrograms: readonly string[] = ['unshare', 'mount', 'pivot_root'];

/** Variables for a Nix, or ferry, that is run inside: its store is the one at /nix. */
export function insideEnv(home: NixHome): Record<string, string> {
  // Nix finds the one of its own through /proc, which says that the program is the dynamic linker.
  const hook = join(home.path, 'build-hook');
  if (!existsSync(hook)) writeFileSync(hook, NO_OTHER_MACHINES, { mode: 0o755 });
  return { ...home.env, NIX_CONFIG: `store = local\nbuild-hook = ${hook}\n` };
}

/** Runs a program inside. Its environment is `insideEnv` unless given. */
export async function runInside(
  home: NixHome,
  words: readonly string[],
  { network = false, env = insideEnv(home), cwd = home.path, ...rest }: InsideOptions = {},
): Promise<Finished> {
  const root = join(home.path, 'inside-root');
  for (const made of [root, join(home.root, 'nix')]) mkdirSync(made, { recursive: true });
  // Who isn't root becomes it in a user namespace.
  const isRoot = process.getuid?.() === 0;
  const spaces = [...(isRoot ? [] : ['-U', '-r']), '-m', ...(network ? [] : ['-n'])];
  const args = [...spaces, 'sh', '-c', SCRIPT, 'sh', root, join(home.root, 'nix'), cwd, ...words];
  return await run('unshare', args, { ...rest, env });
}

/** Its stdout without the last line end; any exit but 0 is an error. */
export async function runInsideOk(
  home: NixHome,
  words: readonly string[],
  options: InsideOptions = {},
): Promise<string> {
  const { status, signal, stdout, stderr } = await runInside(home, words, options);
  if (status === 0) return stdout.replace(/\n$/, '');
  throw new Error(`"${words.join(' ')}" ended with ${status ?? signal}:\n${stderr}`);
}
