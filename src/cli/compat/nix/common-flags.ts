/** The flags that every verb of `nix` takes: how much it says, settings, the store, and those about evaluation. */
import { setOverride } from '../../../config/overrides.ts';
import { settingFlagOf } from './setting-flag.ts';

/** What the flags have said so far. */
export interface CommonFlags {
  verbosity: number;
  store: string | undefined;
  keepGoing: boolean;
  asks: 'help' | 'version' | undefined;
  /** In the order given; what is added to a list several times is one addition. */
  readonly settings: Map<string, string>;
  readonly evaluation: string[];
  readonly passedOn: string[];
}

export function noFlags(): CommonFlags {
  return {
    verbosity: 0,
    store: undefined,
    keepGoing: false,
    asks: undefined,
    settings: new Map(),
    evaluation: [],
    passedOn: [],
  };
}

/** Of evaluation, with the number of words that follow. The Nix that evaluates is told them. */
const EVALUATION: Readonly<Record<string, number>> = {
  '--file': 1,
  '-f': 1,
  '--expr': 1,
  '--impure': 0,
  '--arg': 2,
  '--argstr': 2,
  '--arg-from-file': 2,
  '--arg-from-stdin': 1,
  '--include': 1,
  '-I': 1,
  '--eval-store': 1,
  '--override-flake': 2,
  '--override-input': 2,
  '--update-input': 1,
  '--inputs-from': 1,
  '--recreate-lock-file': 0,
  '--no-update-lock-file': 0,
  '--no-write-lock-file': 0,
  '--commit-lock-file': 0,
  '--reference-lock-file': 1,
  '--output-lock-file': 1,
  '--no-registries': 0,
  '--debugger': 0,
};

/** Flags that change nothing here, but perhaps for a Nix that is asked. */
const PASSED_ON: Readonly<Record<string, number>> = {
  '--print-build-logs': 0,
  '-L': 0,
  '--log-format': 1,
  '--offline': 0,
  '--no-net': 0,
  '--repair': 0,
  '--rebuild': 0,
  '--keep-failed': 0,
  '-K': 0,
  '--fallback': 0,
  '--max-jobs': 1,
  '-j': 1,
};

/** `--refresh`: what was learnt of caches earlier counts for nothing. */
const REFRESHED = [
  'narinfo-cache-negative-ttl',
  'narinfo-cache-positive-ttl',
  'narinfo-cache-meta-ttl',
];

/** How many words follow a common flag; undefined where it is none. */
export function wordsAfter(flag: string, evaluates: boolean): number | undefined {
  if (flag === '--option') return 2;
  if (flag === '--store') return 1;
  if (FLAGS.has(flag)) return 0;
  if (evaluates && Object.hasOwn(EVALUATION, flag)) return EVALUATION[flag];
  if (Object.hasOwn(PASSED_ON, flag)) return PASSED_ON[flag];
  if (!flag.startsWith('--')) return undefined;
  const setting = settingFlagOf(flag.slice(2));
  if (setting === undefined) return undefined;
  return setting.value === undefined ? 1 : 0;
}

const FLAGS: ReadonlySet<string> = new Set([
  '--help',
  '--version',
  '--verbose',
  '-v',
  '--quiet',
  '--debug',
  '--refresh',
  '--keep-going',
  '-k',
]);

/** Takes a common flag with the words that follow it. */
export function takeFlag(flags: CommonFlags, flag: string, values: readonly string[]): void {
  const [first = '', second = ''] = values;
  if (flag === '--help' || flag === '--version') {
    flags.asks ??= flag === '--help' ? 'help' : 'version';
  } else if (flag === '--store') {
    flags.store = first;
  } else if (flag === '--keep-going' || flag === '-k') {
    flags.keepGoing = true;
    flags.passedOn.push('--keep-going');
  } else if (Object.hasOwn(EVALUATION, flag)) {
    flags.evaluation.push(flag, ...values);
  } else {
    flags.passedOn.push(flag, ...values);
    takeSetting(flags, flag, first, second);
  }
}

function takeSetting(flags: CommonFlags, flag: string, first: string, second: string): void {
  if (flag === '--verbose' || flag === '-v') flags.verbosity++;
  else if (flag === '--quiet') flags.verbosity--;
  else if (flag === '--debug') flags.verbosity = 5;
  else if (flag === '--option') setOverride(flags.settings, first, second);
  else if (flag === '--refresh')
    for (const name of REFRESHED) setOverride(flags.settings, name, '0');
  else if (!Object.hasOwn(PASSED_ON, flag)) {
    const setting = settingFlagOf(flag.slice(2));
    if (setting !== undefined) setOverride(flags.settings, setting.name, setting.value ?? first);
  }
}
