/** `ferry store optimise`: equal files share their contents. */
import { formatBytes } from '../../bytes/format-bytes.ts';
import { FerryError, messageOf } from '../../error.ts';
import { printStorePath } from '../../format/store-path.ts';
import type { OptimiseEvent } from '../../store/local/optimise-store.ts';
import type { ShareNote } from '../../system/link-jobs.ts';
import { requireLocalStore } from '../as-local-store.ts';
import { defineCommand, type Command } from '../command.ts';
import { say } from '../context.ts';
import { printable } from '../errors.ts';
import { openSession } from '../session.ts';
import { LiveLines } from '../ui/live-lines.ts';
import { OrderedOutput } from '../ui/ordered-output.ts';
import { formatCount, formatNumber } from '../ui/units.ts';
import { storeOption } from './store-option.ts';

/** Nothing is shown of what is over within this time, in milliseconds. */
const QUIET_MS = 250;
const REDRAW_MS = 100;

export const storeOptimise: Command = defineCommand({
  description: [
    'Equal files become one file under several names, and stand in .links under the hash of their contents: just what nix-store --optimise makes of them. It may be run at any time, also while Nix works on the store; what was interrupted goes on where it ended.',
    'A file is only ever replaced by one that was read and found to be equal. Entries of .links that are damaged are removed; files that can be written to are left alone.',
    'With the setting auto-optimise-store each path is treated so when it is added.',
  ],
  arguments: [],
  options: {
    ...storeOption,
    dryRun: { help: 'change nothing, only say what it would come to', short: 'n' },
    json: { help: 'tell programs, in JSON' },
  },
  examples: [{ meaning: 'how much there is to gain', command: 'ferry store optimise --dry-run' }],
  async run(context, _words, { store: uri, dryRun, json }) {
    await using session = openSession(context);
    const opened = await session.openExisting(uri);
    const store = requireLocalStore(opened, 'optimise');
    const { signal, stderr, stdout, env, verbosity } = context;
    const output = new OrderedOutput(stderr);
    const live = new LiveLines(output);
    const state = { paths: 0, done: 0 };
    const isShown = stderr.isTerminal && env.variables['TERM'] !== 'dumb' && verbosity >= 0;
    const startedAt = performance.now();
    const timer = setInterval(() => {
      if (!isShown || performance.now() - startedAt < QUIET_MS) return;
      const line = `optimising: ${formatNumber(state.done)} of ${formatCount(state.paths, 'path')}`;
      live.draw([line.slice(0, (stderr.width() || 80) - 1)]);
    }, REDRAW_MS);
    timer.unref();
    try {
      const result = await store.optimise({
        dryRun,
        signal,
        onEvent(event: OptimiseEvent) {
          if (event.type === 'start') state.paths = event.paths;
          if (event.type === 'path') state.done++;
          if (event.type === 'note' && (verbosity > 0 || isWorthTelling(event.note))) {
            live.print(`warning: ${printable(textOf(event.note, dryRun))}`);
          }
          if (event.type === 'failed') {
            const path = printStorePath(store.storeDir, event.path);
            const problem = printable(messageOf(event.error));
            live.print(`error: cannot optimise "${path}": ${problem}`);
          }
        },
      });
      live.clear();
      await output.settled();
      const { filesLinked, bytesFreed, failed } = result;
      if (json) {
        const done = { type: 'done', version: 1, dryRun, filesLinked, bytesFreed, failed };
        await stdout.write(`${JSON.stringify(done)}\n`);
      }
      const verb = dryRun ? 'would free' : 'freed';
      await say(context, `${verb} ${formatBytes(bytesFreed)}: ${countOf(filesLinked)}`);
      if (failed === 0) return 0;
      throw new FerryError('conflict', `cannot optimise ${formatCount(failed, 'path')}`);
    } finally {
      clearInterval(timer);
      live.clear();
    }
  },
});

function countOf(files: number): string {
  return files === 1 ? '1 file shares another one' : `${formatNumber(files)} files share others`;
}

/** That a file system has its limits is no news to most. */
function isWorthTelling({ kind }: ShareNote): boolean {
  return kind === 'writable' || kind === 'damaged-link';
}

function textOf({ kind, path }: ShareNote, dryRun: boolean): string {
  switch (kind) {
    case 'writable':
      return `file "${path}" is left alone: it can be written to`;
    case 'damaged-link':
      return `${dryRun ? 'would remove' : 'removed'} link "${path}": it was damaged; ferry verify --all finds the paths that share it`;
    case 'no-space':
      return `cannot make a link to "${path}": there is no room for it`;
    case 'too-many-links':
      return `"${path}" has as many links as it can`;
  }
}
