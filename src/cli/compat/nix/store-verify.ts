/** `nix store verify`: its lines, and its exit status made of bits. */
import { loadTrustedKeys } from '../../../config/trusted-keys.ts';
import { verifyPaths, type PathVerification, type VerifySummary } from '../../../copy/verify.ts';
import { computeClosure } from '../../../copy/closure.ts';
import { sortTopologically } from '../../../copy/order.ts';
import { messageOf } from '../../../error.ts';
import { formatHash, type Hash } from '../../../format/hash.ts';
import type { PathInfo } from '../../../format/path-info.ts';
import { printStorePath, type StorePath } from '../../../format/store-path.ts';
import type { ContentsResult, Store } from '../../../store/store.ts';
import { printable } from '../../errors.ts';
import { openSubstituters } from '../../open-substituters.ts';
import { OrderedOutput } from '../../ui/ordered-output.ts';
import { nixUsage } from '../nix-words.ts';
import { PROGRAM } from './parse-verb-words.ts';
import { installableArgument, namedPaths, pathOptions } from './path-words.ts';
import { defineVerb, type NixVerb } from './verb.ts';
import { withStore } from './with-store.ts';

const CORRUPTED = 1;
const UNTRUSTED = 2;
const FAILED = 4;

export const storeVerify: NixVerb = defineVerb({
  description: [
    'The exit status is the sum of 1 where contents were modified, 2 where paths are not trusted, 4 where some could not be checked.',
  ],
  arguments: [installableArgument],
  options: {
    ...pathOptions,
    noContents: { help: 'do not read the contents' },
    noTrust: { help: 'do not look for signatures' },
    sigsNeeded: { help: 'so many trusted keys must have signed each path', short: 'n', value: 'N' },
    substituter: {
      help: 'a store whose signatures count as well',
      short: 's',
      value: 'STORE',
      repeated: true,
      completes: 'store',
    },
  },
  evaluates: true,
  examples: [{ meaning: 'the whole store', command: 'nix store verify --all' }],
  run: async (call, words, options) =>
    await withStore(call, async (store, session) => {
      const { context } = call;
      const { signal } = context;
      const sigsNeeded = numberOf(options.sigsNeeded);
      const { keys, warnings } = loadTrustedKeys(session.settings);
      const output = new OrderedOutput(context.stderr);
      for (const warning of warnings) output.line(`warning: ${printable(warning)}`);
      const paths = await wantedPaths(store, await namedPaths(call, store, words, options), {
        recursive: options.recursive,
        signal,
      });
      const substituters = options.noTrust
        ? []
        : await openSubstituters(context, session, options.substituter);
      const summary = await verifyPaths(store, paths, {
        signal,
        contents: !options.noContents,
        trust: !options.noTrust,
        sigsNeeded: sigsNeeded === 0 ? undefined : sigsNeeded,
        trustedKeys: keys,
        substituters,
        onSubstituterFailed: ({ uri }, error) =>
          output.line(
            `warning: cannot ask '${uri}' for signatures: ${printable(messageOf(error))}`,
          ),
        onResult: inOrder(paths, (result) => {
          for (const line of linesOf(store, result, context.verbosity)) output.line(line);
        }),
      });
      await output.settled();
      return statusOf(summary);
    }),
});

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw nixUsage(PROGRAM, `'${text}' is not an integer`);
}

/** References first. Those that aren't valid stay, in their place: it is one of the things that are found. */
async function wantedPaths(
  store: Store,
  named: readonly StorePath[],
  { recursive, signal }: { recursive: boolean; signal: AbortSignal },
): Promise<StorePath[]> {
  const known = await store.queryPathInfos(named, { signal });
  const infos = recursive ? await computeClosure(store, [...known.keys()], { signal }) : known;
  const absent = named.filter((path) => !known.has(path)).map(infoOfNothing);
  return sortTopologically([...infos.values(), ...absent]).map(({ path }) => path);
}

function infoOfNothing(path: StorePath): PathInfo {
  const narHash = { algorithm: 'sha256', digest: new Uint8Array(32) } as const;
  return { path, narHash, narSize: 0, references: [], signatures: [] };
}

/** Results come as they are found, and are told in the order of the paths. */
function inOrder(
  paths: readonly StorePath[],
  tell: (result: PathVerification) => void,
): (result: PathVerification) => void {
  const waiting = new Map<StorePath, PathVerification>();
  let at = 0;
  return (found) => {
    waiting.set(found.path, found);
    for (let path = paths[at]; path !== undefined; path = paths[++at]) {
      const result = waiting.get(path);
      if (result === undefined) return;
      waiting.delete(path);
      tell(result);
    }
  };
}

function linesOf(store: Store, found: PathVerification, verbosity: number): string[] {
  const path = printStorePath(store.storeDir, found.path);
  const { contents, trust } = found;
  const lines = verbosity >= 0 && contents?.state !== 'not-valid' ? [`checking '${path}'...`] : [];
  const problem = contents === undefined ? undefined : problemOf(contents, path);
  if (problem !== undefined) lines.push(problem);
  if (trust?.isTrusted === false) lines.push(`path '${path}' is untrusted`);
  return lines.map(printable);
}

function problemOf(contents: ContentsResult, path: string): string | undefined {
  switch (contents.state) {
    case 'whole':
      return undefined;
    case 'modified':
      return `path '${path}' was modified! expected hash '${formatHash(contents.expected)}', got '${spelt(contents.got)}'`;
    case 'disappeared':
      return `error: the files of path '${path}' are gone`;
    case 'not-valid':
      return `error: path '${path}' is not valid`;
    case 'failed':
      return `error: ${messageOf(contents.error)}`;
  }
}

/** What has no hash can't be read to its end. */
function spelt(hash: Hash | undefined): string {
  return hash === undefined ? 'none' : formatHash(hash);
}

function statusOf({ corrupted, untrusted, failed }: VerifySummary): number {
  return (
    (corrupted > 0 ? CORRUPTED : 0) | (untrusted > 0 ? UNTRUSTED : 0) | (failed > 0 ? FAILED : 0)
  );
}
