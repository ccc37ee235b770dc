/** `nix-store --gc`: deletes what nothing needs, or says what that is. */
import { printStorePath } from '../../../format/store-path.ts';
import { requireDatabaseStore } from '../../as-daemon-store.ts';
import { printable } from '../../errors.ts';
import { openSession } from '../../session.ts';
import { collectAsNix, printGarbage, type CollectRequest } from '../collect-as-nix.ts';
import { nixUsage } from '../nix-words.ts';
import { parseNixBytes } from '../nix-bytes.ts';
import { PROGRAM, requireNoWords, type NixStoreOperation } from './operation.ts';

export const gc: NixStoreOperation = {
  async run({ context, store: uri }, words, flags) {
    const { action, maxFreed, printsRoots } = wantedBy(flags);
    requireNoWords(words);
    const isPrinting = printsRoots || action !== 'delete-dead';
    if (maxFreed !== undefined && isPrinting) {
      throw nixUsage(
        PROGRAM,
        'option --max-freed cannot be combined with --print-live, --print-dead, or --print-roots',
      );
    }
    await using session = openSession(context);
    const store = await session.open(uri);
    if (printsRoots) {
      const roots = await requireDatabaseStore(store, 'find the roots of').findRoots(context);
      const lines = roots.map(({ link, target }) => {
        return `${quoted(link)} -> ${printStorePath(store.storeDir, target)}\n`;
      });
      await context.stdout.write(lines.join(''));
      return 0;
    }
    const garbage = await collectAsNix(context, session, store, { action, maxFreed });
    if (action === 'delete-dead') await printGarbage(context, garbage, { isDryRun: false });
    else await context.stdout.write(garbage.paths.map((path) => `${path}\n`).join(''));
    return 0;
  },
};

function wantedBy(flags: readonly string[]): CollectRequest & { readonly printsRoots: boolean } {
  let action: CollectRequest['action'] = 'delete-dead';
  let printsRoots = false;
  let maxFreed: number | undefined;
  const queue = flags.values();
  for (const flag of queue) {
    if (flag === '--print-roots') printsRoots = true;
    else if (flag === '--print-live') action = 'return-live';
    else if (flag === '--print-dead') action = 'return-dead';
    else if (flag === '--max-freed') {
      maxFreed = parseNixBytes(PROGRAM, queue.next().value ?? '', { isSigned: true });
    } else {
      throw nixUsage(PROGRAM, `bad sub-operation '${flag}' in GC`);
    }
  }
  return { action, maxFreed, printsRoots };
}

/** As C++ quotes the name of a file. */
function quoted(text: string): string {
  return `"${printable(text).replace(/["\\]/g, '\\$&')}"`;
}
