/** `ferry import`: what `ferry export` or `nix-store --export` wrote, into a store; of either format. */
import { ByteReader } from '../../bytes/byte-reader.ts';
import type { CopySummary } from '../../copy/events.ts';
import { importPaths } from '../../copy/import-paths.ts';
import { FerryError, isFerryError, messageOf } from '../../error.ts';
import { printStorePath, type StoreDir } from '../../format/store-path.ts';
import type { ImportOptions } from '../../store/store.ts';
import { defineCommand, type Command } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { findImportInput } from '../import-input.ts';
import { usage } from '../parse-words.ts';
import { openSession } from '../session.ts';
import { jsonProgress } from '../ui/copy-json.ts';
import { OrderedOutput } from '../ui/ordered-output.ts';
import { showStream } from '../ui/stream-progress.ts';
import { uncompressed } from '../uncompressed.ts';

const TITLE = 'ferry import';

export const importCommand: Command = defineCommand({
  description: [
    'Takes in what ferry export or nix-store --export wrote, and prints the paths that are then valid, each as soon as it is. What is there already is left as it is. An import that breaks off keeps the paths that it printed, and nothing else. What was compressed with zstd, gzip, xz or bzip2 on the way is taken as it is.',
    'Of an export in the format of Nix no signature is asked for, whatever require-sigs says: it has none, and Nix does the same. Import only what comes from somebody whom you would let write to the store. A bundle, which ferry export --bundle made, has signatures, and they are checked as ferry copy checks them.',
    'A bundle may lie in several parts, to be named in any order; of one that is named alone the others are looked for beside it. Imported again it goes on where an import of it ended.',
    'With --json there is one JSON object per line on stdout for each event, as ferry copy has them.',
  ],
  arguments: [
    {
      name: 'FILE',
      help: 'what to import, stdin by default; or the parts of a bundle',
      optional: true,
      repeated: true,
      completes: 'file',
    },
  ],
  options: {
    to: { help: 'the store to import into', value: 'STORE', completes: 'store' },
    store: { help: 'the same as --to', value: 'STORE', completes: 'store', hidden: true },
    noCheckSigs: { help: 'of a bundle: take paths that lack a signature by a trusted key' },
    addRoot: {
      help: 'of a bundle: link to what it was made for here, and keep it from being collected as garbage',
      value: 'LINK',
      completes: 'file',
    },
    dryRun: {
      help: 'of a bundle: say what would be imported, and whether it would be taken',
      short: 'n',
    },
    json: { help: 'tell programs, in JSON' },
  },
  examples: [
    { meaning: 'out of a file', command: `${TITLE} result.nar` },
    {
      meaning: 'a bundle in parts, kept for as long as the link is there',
      command: `${TITLE} --add-root ./system /media/a/system.bundle.001 /media/b/system.bundle.002`,
    },
    {
      meaning: 'from another machine',
      command: `ssh server nix-store --export /nix/store/xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello | ${TITLE}`,
    },
  ],
  async run(context, files, options) {
    const { to, store, json, noCheckSigs, addRoot, dryRun } = options;
    if (to !== undefined && store !== undefined) {
      throw usage(TITLE, '--to and --store mean the same: give one of them');
    }
    const input = await findImportInput(context, files);
    if ('bundle' in input) {
      const { runBundleImport } = await import('../run-bundle-import.ts');
      const checkSigs = !noCheckSigs;
      const { bundle } = input;
      const request = { input: bundle, to: to ?? store, checkSigs, addRoot, dryRun, json };
      return await runBundleImport(context, request);
    }
    if (addRoot !== undefined || dryRun) {
      const flag = dryRun ? '--dry-run' : '--add-root';
      throw usage(TITLE, `${flag} is for bundles: an export does not say in advance what is in it`);
    }
    const { signal } = context;
    await using session = openSession(context);
    const destination = await session.open(to ?? store);
    const { listener, onLine, finish } = listenerFor(context, destination.storeDir, json);
    session.onLine = onLine;
    const summary = { copied: 0, alreadyValid: 0, failed: 0, narSize: 0, signaturesAdded: 0 };
    try {
      const reader = new ByteReader(await uncompressed(input.export, signal));
      await importPaths(destination, reader, {
        signal,
        onBytes: listener.onBytes,
        onImported(path, result) {
          if (result.wasValid) summary.alreadyValid++;
          else summary.copied++;
          summary.narSize += result.narSize;
          listener.onImported?.(path, result);
        },
      });
      await finish(summary);
    } catch (error) {
      await finish(undefined);
      throw namingInput(error, files[0] ?? '-');
    }
    return 0;
  },
});

/** What is wrong with a stream says where in it, but not which it was. */
function namingInput(error: unknown, file: string): unknown {
  // With a path or a cause it says already what was being done.
  if (!isFerryError(error, 'corrupt') || (error.path ?? error.cause) !== undefined) return error;
  const name = file === '-' ? 'stdin' : `"${file}"`;
  return new FerryError('corrupt', `cannot import ${name}: ${messageOf(error)}`, {
    cause: error,
    ...(error.offset === undefined ? {} : { offset: error.offset }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}

interface Listener {
  readonly listener: Pick<ImportOptions, 'onBytes' | 'onImported'>;
  readonly onLine: (line: string) => void;
  /** @param summary where all went well */
  readonly finish: (summary: CopySummary | undefined) => Promise<void>;
}

function listenerFor(context: CommandContext, storeDir: StoreDir, json: boolean): Listener {
  if (json) {
    const progress = jsonProgress(context, storeDir);
    return {
      listener: { onImported: (path) => progress.onEvent({ type: 'path-done', path }) },
      onLine: progress.print,
      async finish(summary) {
        if (summary !== undefined) progress.onEvent({ type: 'done', summary });
        await progress.finish();
      },
    };
  }
  const progress = showStream(context, 'imported');
  const output = new OrderedOutput(context.stdout);
  return {
    listener: {
      onBytes: progress.onBytes,
      onImported(path) {
        progress.onEvent({ type: 'path-done', path });
        output.line(printStorePath(storeDir, path));
      },
    },
    onLine: progress.print,
    async finish(summary) {
      if (summary !== undefined) progress.onEvent({ type: 'done', summary });
      await progress.finish();
      await output.settled();
    },
  };
}
