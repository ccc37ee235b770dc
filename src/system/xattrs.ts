/**
 * Extended attributes, of which nothing in a store has any. Files inherit them from their directory in one way that
 * matters here: default access control lists. Node knows nothing of them, so koffi calls the C library; it is loaded
 * on first use. Where the system has no such calls, as on macOS, there is nothing to be done.
 */
import { Buffer } from 'node:buffer';

export interface Xattrs {
  /** Names of those of a file or directory; none where the file system has none. Links are not followed. */
  list(path: string): readonly string[];
  /** Whether it could be removed. */
  remove(path: string, name: string): boolean;
  /** The same where links are followed, such as those of `/proc/self/fd`. */
  readonly following: Pick<Xattrs, 'list' | 'remove'>;
}

/** What Nix leaves in place (setting `ignored-acls`). */
const IGNORED = new Set(['security.selinux', 'system.nfs4_acl', 'security.csm']);
const DEFAULT_ACL = 'system.posix_acl_default';
const NAMES_SIZE_MAX = 64 * 1024;
const NONE: Pick<Xattrs, 'list' | 'remove'> = { list: () => [], remove: () => false };

let loaded: Promise<Xattrs> | undefined;

export function loadXattrs(): Promise<Xattrs> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<Xattrs> {
  if (process.platform !== 'linux') return { ...NONE, following: NONE };
  const { default: koffi } = await import('koffi');
  // The program itself: the C library is linked to it, under whatever name it has here.
  const library = koffi.load(null);
  const names = Buffer.alloc(NAMES_SIZE_MAX);
  const calls = (prefix: string): Pick<Xattrs, 'list' | 'remove'> => {
    const list = library.func(
      `long ${prefix}listxattr(const char *path, _Out_ uint8_t *names, size_t size)`,
    );
    const remove = library.func(`int ${prefix}removexattr(const char *path, const char *name)`);
    return {
      list: (path) => {
        const size = Number(list(path, names, names.length));
        return size <= 0 ? [] : names.toString('latin1', 0, size - 1).split('\0');
      },
      remove: (path, name) => remove(path, name) === 0,
    };
  };
  return { ...calls('l'), following: calls('') };
}

/** Whether what is made in a directory gets access control lists. */
export function inheritsAcl(xattrs: Xattrs, directory: string): boolean {
  return xattrs.list(directory).includes(DEFAULT_ACL);
}

/** Takes off what has no place in a store. @returns the name of one that couldn't be */
export function stripXattrs(
  xattrs: Pick<Xattrs, 'list' | 'remove'>,
  path: string,
): string | undefined {
  return xattrs.list(path).filter((name) => !IGNORED.has(name) && !xattrs.remove(path, name))[0];
}
