/** `nix-store --verify`: all of the store, with the lines of Nix. */
import { messageOf } from '../../../error.ts';
import { formatHash } from '../../../format/hash.ts';
import { printStorePath } from '../../../format/store-path.ts';
import type { VerifyStoreEvent } from '../../../store/local/verify-store.ts';
import type { Store } from '../../../store/store.ts';
import type { DaemonStore } from '../../../store/worker/daemon-store.ts';
import { asLocalStore } from '../../as-local-store.ts';
import { printable } from '../../errors.ts';
import { runRepairAsNix } from '../../run-repair.ts';
import { openSession } from '../../session.ts';
import { OrderedOutput } from '../../ui/ordered-output.ts';
import { requireKnownFlags, requireNoWords, type NixStoreOperation } from './operation.ts';

export const verify: NixStoreOperation = {
  async run({ context, store: uri }, words, flags) {
    requireNoWords(words);
    requireKnownFlags(flags, '--check-contents', '--repair');
    const checkContents = flags.includes('--check-contents');
    const isRepairing = flags.includes('--repair');
    const { signal, stderr, verbosity } = context;
    await using session = openSession(context);
    const store = await session.open(uri);
    const local = asLocalStore(store);
    const output = new OrderedOutput(stderr);
    session.onLine = (line) => {
      if (verbosity >= 0) output.line(line);
    };
    let isWhole = true;
    if (local !== undefined) {
      const { errorsLeft } = await local.verifyStore({
        checkContents,
        signal,
        repair: isRepairing ? (paths) => runRepairAsNix(session, local, paths) : undefined,
        onEvent(event) {
          for (const line of linesOf(store, event, verbosity)) output.line(printable(line));
        },
      });
      isWhole = errorsLeft === 0;
    } else if ('verifyStore' in store) {
      const request = { checkContents, repair: isRepairing };
      isWhole = !(await (store as DaemonStore).verifyStore(request, { signal }));
    }
    // Of other stores nothing is asked, as in Nix.
    if (!isWhole) output.line('warning: not all store errors were fixed');
    await output.settled();
    return isWhole ? 0 : 1;
  },
};

function linesOf(store: Store, event: VerifyStoreEvent, verbosity: number): string[] {
  const info = (line: string): string[] => (verbosity >= 0 ? [line] : []);
  const talk = (line: string): string[] => (verbosity > 0 ? [line] : []);
  const path = 'path' in event ? printStorePath(store.storeDir, event.path) : '';
  switch (event.type) {
    case 'reading':
      return info('reading the Nix store...');
    case 'waiting':
      return ['waiting for the big garbage collector lock...'];
    case 'checking-existence':
      return info('checking path existence...');
    case 'disappeared':
      return event.isRemoved
        ? info(`path '${path}' disappeared, removing from database...`)
        : [`path '${path}' disappeared, but it still has valid referrers!`];
    case 'checking-links':
      return info('checking link hashes...');
    case 'checking-link':
      return talk(`checking contents of "${event.name}"`);
    case 'link-modified': {
      const { link, expected, got, problem } = event;
      if (got === undefined) return [`error: cannot check link "${link}": ${problem}`];
      return [`link "${link}" was modified! expected hash ${expected}, got '${got}'`];
    }
    case 'link-removed':
      return info(`removed link "${event.link}"`);
    case 'checking-contents':
      return info('checking store hashes...');
    case 'checking-path':
      return talk(`checking contents of '${path}'`);
    case 'modified': {
      const { expected, got } = event;
      return [
        `path '${path}' was modified! expected hash '${formatHash(expected)}', got '${formatHash(got)}'`,
      ];
    }
    case 'hash-added':
      return info(`fixing missing hash on '${path}'`);
    case 'size-added':
      return info(`updating size field on '${path}' to ${event.narSize}`);
    case 'failed':
      return [`error: ${messageOf(event.error)}`];
    case 'repaired':
      return talk(`repaired '${path}'`);
    case 'repair-failed':
      return [
        `${event.isGone ? 'warning' : 'error'}: cannot repair path '${path}'`,
        `  because: ${messageOf(event.error)}`,
      ];
  }
}
