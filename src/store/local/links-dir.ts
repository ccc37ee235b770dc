/** Where files that share their contents stand once more, each under the Nix32 of the hash of its NAR. */
import { join } from 'node:path';

export function linksDirOf(realDir: string): string {
  return join(realDir, '.links');
}
