/**
 * `nix-shell`: the development shell of a derivation. Derivations are entered by ferry itself; what must be evaluated
 * (files, expressions, packages) is first made one by the Nix of this machine.
 */
import { realpathSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import {
  isDerivation,
  parseStorePath,
  printStorePath,
  type StorePath,
} from '../../format/store-path.ts';
import type { PreparedShell } from '../../shell/prepare-shell.ts';
import { queryShellInputs } from '../../shell/shell-inputs.ts';
import { readDerivation } from '../../store/read-derivations.ts';
import type { Store } from '../../store/store.ts';
import { defineDropIn, type Command } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { enterShell, openShell } from '../open-shell.ts';
import { openSession } from '../session.ts';
import { answerInstead } from './drop-in-help.ts';
import { evaluateShell, type ShellPlace } from './nix-shell-expression.ts';
import { interpreterCommand, shebangWordsOf } from './nix-shell-shebang.ts';
import { nixUsage, parseNixWords, withNixStatus, type NixWords } from './nix-words.ts';

const PROGRAM = 'nix-shell';

export const nixShell: Command = defineDropIn({
  description: [
    'Flags, output and exit status are those of Nix 2.34. Under its own name, through a link to ferry, it is a drop-in for the program of Nix, also as the interpreter of scripts.',
    'A derivation is entered by ferry itself. Files, expressions and packages are evaluated by the Nix of this machine.',
  ],
  arguments: [
    {
      name: 'PATH',
      help: 'a derivation, a link to one, or a file; shell.nix or default.nix here by default',
      optional: true,
      repeated: true,
      completes: 'file',
    },
  ],
  options: {
    run: { help: 'run this and end', value: 'COMMAND' },
    command: { help: 'run this, in an interactive shell', value: 'COMMAND' },
    pure: { help: 'keep nothing of the environment around it but what is needed' },
    keep: { help: 'with --pure: keep this variable', value: 'NAME', repeated: true },
    exclude: { help: 'leave out inputs whose derivations match', value: 'REGEX', repeated: true },
    packages: { help: 'the words are packages of <nixpkgs>', short: 'p' },
    expr: { help: 'the words are expressions', short: 'E' },
    attr: { help: 'choose an attribute', short: 'A', value: 'NAME', repeated: true },
    arg: { help: 'an argument, as an expression', value: 'NAME EXPR', repeated: true },
    argstr: { help: 'an argument, as a text', value: 'NAME TEXT', repeated: true },
    dryRun: { help: 'say what is missing, and enter nothing' },
    store: { help: 'the store to work on', value: 'STORE', completes: 'store' },
    option: { help: 'override a setting of nix.conf', value: 'NAME VALUE', repeated: true },
    verbose: { help: 'say more', short: 'v', repeated: true },
    quiet: { help: 'say nothing but errors' },
    version: { help: 'print the version' },
    help: { help: 'print this help' },
  },
  examples: [
    { meaning: 'build by hand', command: 'nix-shell /nix/store/…-hello-2.12.drv --pure' },
    { meaning: 'one command', command: "nix-shell ./shell.drv --run 'make check'" },
  ],
  run: (context, words) => withNixStatus(context, () => run(context, words)),
});

/** What the words say, while they are read. */
export interface WantedShell {
  isPure: boolean;
  isInteractive: boolean;
  isDryRun: boolean;
  hasPackages: boolean;
  hasExpressions: boolean;
  readsStdin: boolean;
  command: string | undefined;
  readonly keep: string[];
  readonly exclude: RegExp[];
  readonly paths: string[];
  readonly attributes: string[];
  /** `--arg` and `--argstr`, as words. */
  readonly arguments: string[];
  /** `-I`, as words. */
  readonly lookup: string[];
}

/** The script that we are the interpreter of, and the words that it was called with. */
interface Script {
  readonly file: string;
  readonly words: readonly string[];
}

async function run(outer: CommandContext, given: readonly string[]): Promise<number> {
  const [file = '', ...rest] = given;
  const fromScript = given.length === 0 ? undefined : shebangWordsOf(resolve(outer.cwd, file));
  const script = fromScript === undefined ? undefined : { file, words: rest };
  const { wanted, common } = parse(fromScript ?? given, script);
  if (common.asks !== undefined) {
    const summary = 'Enter the development shell of a derivation';
    return await answerInstead(outer, common.asks, {
      program: PROGRAM,
      summary,
      command: nixShell,
    });
  }
  const context = { ...outer, verbosity: common.verbosity, overrides: common.overrides };
  // Files that a script names lie beside it.
  const directory = script === undefined ? context.cwd : dirname(resolve(context.cwd, script.file));
  const shell = await open(context, wanted, { storeUri: common.store, directory });
  return shell === undefined ? 0 : await enterShell(context, shell);
}

function parse(
  words: readonly string[],
  script: Script | undefined,
): { wanted: WantedShell; common: NixWords } {
  const wanted: WantedShell = {
    isPure: false,
    isInteractive: true,
    isDryRun: false,
    hasPackages: false,
    hasExpressions: false,
    readsStdin: false,
    command: undefined,
    keep: [],
    exclude: [],
    paths: [],
    attributes: [],
    arguments: [],
    lookup: [],
  };
  const common = parseNixWords(
    PROGRAM,
    words,
    (word, next) => takeWord(wanted, word, next) || takeInterpreter(wanted, script, word, next),
    (ignored) => {
      if (ignored[0] === '-I') wanted.lookup.push(...ignored);
    },
  );
  if (wanted.hasPackages && wanted.hasExpressions) {
    throw nixUsage(PROGRAM, "'-p' and '-E' are mutually exclusive");
  }
  return { wanted, common };
}

function takeInterpreter(
  wanted: WantedShell,
  script: Script | undefined,
  word: string,
  next: () => string,
): boolean {
  if (script === undefined || word !== '-i') return false;
  wanted.isInteractive = false;
  wanted.command = interpreterCommand(next(), script.file, script.words);
  return true;
}

function takeWord(wanted: WantedShell, word: string, next: () => string): boolean {
  switch (word) {
    case '--run':
      wanted.isInteractive = false;
      wanted.command = next();
      return true;
    case '--command':
      wanted.command = next();
      return true;
    case '--pure':
      wanted.isPure = true;
      return true;
    case '--keep':
      wanted.keep.push(next());
      return true;
    case '--exclude':
      wanted.exclude.push(regexOf(next()));
      return true;
    case '--packages':
    case '-p':
      wanted.hasPackages = true;
      return true;
    case '--expr':
    case '-E':
      wanted.hasExpressions = true;
      return true;
    case '--attr':
    case '-A':
      wanted.attributes.push(next());
      return true;
    case '--arg':
    case '--argstr':
      wanted.arguments.push(word, next(), next());
      return true;
    case '--dry-run':
      wanted.isDryRun = true;
      return true;
    case '-':
      wanted.readsStdin = true;
      return true;
    // What nix-build has besides, what is about evaluating, and what is obsolete.
    case '--impure':
    case '--add-drv-link':
    case '--indirect':
    case '--no-out-link':
    case '--no-link':
    case '--check':
      return true;
    case '--drv-link':
    case '--out-link':
    case '-o':
      next();
      return true;
    default:
      if (word.startsWith('-')) return false;
      wanted.paths.push(word);
      return true;
  }
}

function regexOf(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw nixUsage(PROGRAM, `'${text}' is not a regular expression`);
  }
}

/** The session is closed when it returns. @returns undefined where nothing is to be entered */
async function open(
  context: CommandContext,
  wanted: WantedShell,
  { storeUri, directory }: ShellPlace,
): Promise<PreparedShell | undefined> {
  await using session = openSession(context);
  const store = await session.openExisting(storeUri);
  const { isPure, keep, command, isInteractive: staysOpen, exclude } = wanted;
  const isExcluded = (input: StorePath): boolean =>
    exclude.some((pattern) => pattern.test(printStorePath(store.storeDir, input)));
  const drv =
    derivationIn(store, context.cwd, wanted) ??
    (await evaluateShell(context, store, wanted, { storeUri, directory }));
  if (wanted.isDryRun) {
    await tellMissing(context, store, drv, isExcluded);
    return undefined;
  }
  const request = { drv, isPure, keep, command, staysOpen, isExcluded, storeUri };
  return await openShell(context, session, store, request);
}

/** Where one is named, through links or not: then there is nothing to evaluate. */
function derivationIn(
  { storeDir }: Store,
  directory: string,
  { paths, hasPackages, hasExpressions, readsStdin }: WantedShell,
): StorePath | undefined {
  if (hasPackages || hasExpressions || readsStdin) return undefined;
  const drvs = paths.map((word) => {
    const file = realOf(resolve(directory, word)).replace(/![^/]*$/, '');
    if (!file.startsWith(`${storeDir}/`) || !file.endsWith('.drv')) return undefined;
    const path = parseStorePath(storeDir, file);
    return isDerivation(path) ? path : undefined;
  });
  if (drvs.length > 1) throw nixUsage(PROGRAM, 'nix-shell requires a single derivation');
  return drvs[0];
}

function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

async function tellMissing(
  { stderr, signal }: CommandContext,
  store: Store,
  drv: StorePath,
  isExcluded: (drv: StorePath) => boolean,
): Promise<void> {
  const derivation = await readDerivation(store, drv, { signal });
  const found = await queryShellInputs(store, derivation, { signal, isExcluded });
  const paths = [...found.missingDrvs, ...found.missing.map(({ path }) => path)];
  for (const path of paths) await stderr.write(`  ${printStorePath(store.storeDir, path)}\n`);
}
