/** `ferry verify`: whether what lies in a store is still what was added, and whether somebody who is trusted says so. */
import { loadTrustedKeys } from '../../config/trusted-keys.ts';
import { computeClosure } from '../../copy/closure.ts';
import { verifyPaths, type PathVerification } from '../../copy/verify.ts';
import { printStorePath, type StorePath } from '../../format/store-path.ts';
import type { Store } from '../../store/store.ts';
import { isFerryError } from '../../error.ts';
import { allPathsOf } from '../all-paths-of.ts';
import { requireLocalStore } from '../as-local-store.ts';
import { defineCommand, type Command } from '../command.ts';
import { say, type CommandContext } from '../context.ts';
import { invalidReferences } from '../invalid-references.ts';
import { usage } from '../parse-words.ts';
import { resolveIn } from '../resolve-in-store.ts';
import { runRepair } from '../run-repair.ts';
import { openSession, type Session } from '../session.ts';
import { openSubstituters } from '../open-substituters.ts';
import { VerifyReport } from '../ui/verify-report.ts';
import {
  REPAIR,
  repairOptions,
  type RepairOptionValues,
  requireRepairable,
} from './repair-options.ts';
import { storeOption } from './store-option.ts';

const TITLE = 'ferry verify';

export const verify: Command = defineCommand({
  description: [
    'Each path is read and hashed, and compared with what the store knows of it; what it refers to must be valid too. And it must be trusted: it is named by its contents, was built in that store, or has a signature by one of the keys in trusted-public-keys.',
    'Paths of which that does not hold are printed on stderr. The exit status is then 1 where contents differ or something could not be read, and 3 where only signatures are missing.',
    'With --repair, for a store on this machine, paths that are damaged or gone are taken anew from the stores named with --from, or else from the substituters of nix.conf. They get just the contents that are recorded for them, whoever gives these; with --other-contents also those of another build, if they are signed by a trusted key. What could be repaired is no error any more.',
    'With --json there is one JSON object per line on stdout for each path, the last one of type "done".',
  ],
  arguments: [
    { name: 'PATH', help: 'store paths', optional: true, repeated: true, completes: 'file' },
  ],
  options: {
    ...storeOption,
    all: { help: 'all paths of the store', short: 'a' },
    recursive: { help: 'and all that the paths refer to', short: 'r' },
    noContents: { help: 'do not read the contents' },
    noTrust: { help: 'do not look for signatures' },
    sigsNeeded: {
      help: 'so many trusted keys must have signed each path, those built there too',
      short: 'n',
      value: 'N',
    },
    substituter: {
      help: 'a store whose signatures count as well',
      short: 's',
      value: 'STORE',
      repeated: true,
      completes: 'store',
    },
    repair: { help: 'take paths that are damaged anew from elsewhere' },
    ...repairOptions,
    json: { help: 'tell programs, in JSON' },
  },
  examples: [
    { meaning: 'the whole store', command: 'ferry verify --all' },
    { meaning: 'after a copy', command: 'ferry verify -r --store ssh://server ./result' },
    {
      meaning: 'the whole store, and take what is damaged from another machine',
      command: 'ferry verify --all --no-trust --repair --from ssh://server',
    },
    {
      meaning: 'whether two keys have signed it, without reading it',
      command: 'ferry verify -r --no-contents --sigs-needed 2 ./result',
    },
  ],
  async run(context, words, options) {
    if (options.all && words.length > 0) throw usage(TITLE, '--all leaves nothing for a PATH');
    if (!options.all && words.length === 0) throw usage(TITLE, 'no PATH was given, and no --all');
    const sigsNeeded = numberOf(options.sigsNeeded);
    await using session = openSession(context);
    const store = await session.openExisting(options.store);
    const { signal } = context;
    requireRepairable(TITLE, store, options);
    const paths = options.all
      ? await allPathsOf(store, signal)
      : await namedPaths(context, store, words, options.recursive);
    const substituters = options.noTrust
      ? []
      : await openSubstituters(context, session, options.substituter);
    const keys = await trustedKeys(context, session);
    const report = new VerifyReport(context, store, { isJson: options.json, total: paths.length });
    using _ = { [Symbol.dispose]: () => report.close() };
    await checkReferences(store, paths, report, signal);
    const broken: StorePath[] = [];
    const summary = await verifyPaths(store, paths, {
      signal,
      contents: !options.noContents,
      trust: !options.noTrust,
      sigsNeeded,
      trustedKeys: keys,
      substituters,
      onSubstituterFailed: (other, error) => report.substituterFailed(other, error),
      onBytes: (_path, bytes) => report.bytes(bytes),
      onResult(result: PathVerification) {
        report.result(result);
        if (isBroken(result)) broken.push(result.path);
      },
    });
    if (options.repair) await repair(session, store, broken, report, options);
    return await report.finish(summary);
  },
});

/** What can't be read is taken anew too; that nobody may read it is something else. */
function isBroken({ contents }: PathVerification): boolean {
  if (contents?.state === 'failed') return !isFerryError(contents.error, 'denied');
  return contents?.state === 'modified' || contents?.state === 'disappeared';
}

async function repair(
  session: Session,
  store: Store,
  broken: readonly StorePath[],
  report: VerifyReport,
  { from, otherContents, noCheckSigs }: RepairOptionValues,
): Promise<void> {
  const failures = await runRepair(session, requireLocalStore(store, REPAIR), broken, {
    from,
    otherContents,
    checkSigs: !noCheckSigs,
    onBytes: (_path, bytes) => report.bytes(bytes),
    onRepaired: (path, uri) => report.repaired(path, uri),
  });
  for (const [path, error] of failures) report.repairFailed(path, error);
}

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw usage(TITLE, `--sigs-needed "${text}" is not a number`);
}

async function namedPaths(
  context: CommandContext,
  store: Store,
  words: readonly string[],
  recursive: boolean,
): Promise<StorePath[]> {
  const { signal } = context;
  const named = words.map((word) => resolveIn(context, store, word).path);
  const infos = await computeClosure(store, named, { signal, noRecursive: !recursive });
  return [...infos.keys()];
}

async function checkReferences(
  store: Store,
  paths: readonly StorePath[],
  report: VerifyReport,
  signal: AbortSignal,
): Promise<void> {
  for await (const { path, reference } of invalidReferences(store, paths, signal)) {
    const printed = printStorePath(store.storeDir, reference);
    report.problem(path, `it refers to "${printed}", which is not valid`);
  }
}

async function trustedKeys(
  context: CommandContext,
  { settings }: Session,
): Promise<ReturnType<typeof loadTrustedKeys>['keys']> {
  const { keys, warnings } = loadTrustedKeys(settings);
  for (const warning of warnings) await say(context, `warning: ${warning}`);
  return keys;
}
