/** Finds out what a host is and has, in one round trip. What it prints is foreign: parsed strictly, used with care. */
import { FerryError } from '../error.ts';
import { quoteShellWord } from '../system/shell-words.ts';
import { plainText } from '../wire/transport.ts';
import type { BecomesRoot, HostFacts } from './host-facts.ts';
import type { HostRun } from './host-connection.ts';
import type { BecomeRoot } from './host-target.ts';
import { surveyScript } from './survey-script.ts';
import { extraSystemsOf, systemOf } from './system-names.ts';

/** What we use ourselves beyond the facts. */
export interface Survey {
  readonly facts: HostFacts;
  /** The ways to become root, the best one first; empty where that isn't needed or possible. */
  readonly roots: readonly RootAccess[];
  /** Before arguments of `nix-daemon`, as words. */
  readonly nixDaemon: readonly string[] | undefined;
  /** Where found programs lie: added to the PATH of every session. */
  readonly programDirectories: readonly string[];
  /** Variables of the user's session that decide which store Nix works on: sudo would drop them. */
  readonly nixVariables: ReadonlyMap<string, string>;
}

/** How the user who logged in becomes root. */
export interface RootAccess {
  readonly how: 'sudo' | 'doas';
  /** Its absolute path. */
  readonly program: string;
  readonly needsPassword: boolean;
  /** It wants to read the password from a terminal. */
  readonly needsTerminal: boolean;
}

export interface SurveyOptions {
  readonly name: string;
  /** Where its store is, on its disk. */
  readonly storeDir: string;
  readonly becomeRoot: BecomeRoot;
  readonly run: (script: string, args: readonly string[]) => Promise<HostRun>;
}

/** @throws FerryError what `run` throws; `protocol` for answers that make no sense. */
export async function surveyHost(options: SurveyOptions): Promise<Survey> {
  const { name, storeDir, becomeRoot, run } = options;
  const askedAt = Date.now();
  const { status, stdout, stderr } = await run(surveyScript, [storeDir, becomeRoot]);
  const answeredAt = Date.now();
  const values = parseSurvey(stdout);
  if (values === undefined) {
    const why = `its answers are incomplete (status ${status})`;
    const said = stderr === '' ? '' : `: ${stderr}`;
    throw new FerryError('protocol', `cannot survey "${name}": ${why}${said}`);
  }
  return describeSurvey(values, becomeRoot, (askedAt + answeredAt) / 2);
}

const KEY = /^[a-z]+(?:\.[A-Za-z_-]+)?$/;
const linesMax = 100;
const valueMax = 4096;

/** Undefined where it isn't whole. */
export function parseSurvey(text: string): ReadonlyMap<string, string> | undefined {
  const values = new Map<string, string>();
  const lines = text.split('\n', linesMax + 1);
  if (lines.length > linesMax) return undefined;
  for (const line of lines) {
    if (line === '') continue;
    const equals = line.indexOf('=');
    const key = line.slice(0, Math.max(0, equals));
    const value = line.slice(equals + 1);
    if (!KEY.test(key) || value.length > valueMax || values.has(key)) return undefined;
    // Nothing that a host says of itself needs control characters.
    values.set(key, plainText(value));
  }
  const isWhole = ['time', 'user', 'uid', 'os', 'machine', 'end'].every((key) => values.has(key));
  return isWhole ? values : undefined;
}

/** @param askedAtMs when it was asked, by our clock */
export function describeSurvey(
  values: ReadonlyMap<string, string>,
  becomeRoot: BecomeRoot,
  askedAtMs: number,
): Survey {
  const isRoot = values.get('uid') === '0';
  const ways = isRoot ? [] : (['sudo', 'doas'] as const).map((how) => wayOf(values, how));
  const roots = ways
    .filter((way) => typeof way === 'object')
    .toSorted((one, other) => Number(one.needsPassword) - Number(other.needsPassword));
  const refusals = ways.filter((way) => typeof way === 'string');
  const ferryVersion = versionOf(values.get('version.ferry'));
  const nixVersion = versionOf(values.get('version.nix-store'));
  const ferry = ferryVersion === undefined ? undefined : pathOf(values, 'ferry');
  // One that doesn't run is as good as none.
  const nix = (program: string): string | undefined =>
    nixVersion === undefined ? undefined : pathOf(values, program);
  const system = systemOf(values.get('os') ?? '', values.get('machine') ?? '');
  const words = (program: string): readonly string[] | undefined => {
    const found = nix(program);
    if (found !== undefined) return [found];
    return ferry === undefined ? undefined : [ferry, program];
  };
  const daemon = nix('nix-daemon');
  return {
    roots,
    nixDaemon: daemon === undefined ? undefined : [daemon],
    programDirectories: directoriesOf([ferry, nix('nix-store'), nix('nix-env'), daemon]),
    nixVariables: nixVariablesOf(values),
    facts: {
      system,
      extraSystems: extraSystemsOf(system, values.get('platforms') ?? ''),
      user: userOf(values),
      home: values.get('home') ?? '/',
      becomesRoot: isRoot ? { how: 'is-root' } : becomesRootOf(roots[0], refusals, becomeRoot),
      nixVersion,
      ferryVersion,
      nixStore: words('nix-store'),
      nixEnv: words('nix-env'),
      hasSystemd: values.get('systemd') === 'yes',
      bootId: values.get('boot') ?? '',
      freeBytes: freeBytesOf(values.get('df') ?? ''),
      clockSkewMs: clockSkewOf(values.get('time') ?? '', askedAtMs),
    },
  };
}

/** It is shown in questions, in which it must not pass for the question itself: there are quotes and blanks of many kinds. */
function userOf(values: ReadonlyMap<string, string>): string {
  const name = values.get('user') ?? '';
  return /^[\p{L}\p{M}\p{N}_.@\\$+-]{1,64}$/u.test(name)
    ? name
    : `user ${Number(values.get('uid'))}`;
}

function pathOf(values: ReadonlyMap<string, string>, program: string): string | undefined {
  const path = values.get(`program.${program}`);
  return path?.startsWith('/') === true ? path : undefined;
}

/** The last word: `nix-store (Nix) 2.34.8`, `nix-store (Lix, like Nix) 2.91.1`, `ferry 0.5.0`. */
function versionOf(line: string | undefined): string | undefined {
  return /^\S.* (\d[\w.+-]{0,60})$/.exec(line ?? '')?.[1];
}

function directoriesOf(programs: readonly (string | undefined)[]): string[] {
  const directories = programs.map((path) => path?.slice(0, path.lastIndexOf('/')) ?? '');
  return [...new Set(directories)].filter((directory) => directory !== '');
}

function nixVariablesOf(values: ReadonlyMap<string, string>): Map<string, string> {
  const variables = new Map<string, string>();
  for (const [key, value] of values) {
    // Root needs no daemon, and has it all the same where it is set up so for everybody.
    if (key.startsWith('env.NIX_') && value !== 'daemon') variables.set(key.slice(4), value);
  }
  return variables;
}

/** The fourth of the six columns of `df -P -k`; the first and the last one may have blanks in them. */
function freeBytesOf(line: string): number | undefined {
  const kibibytes = /\s(\d{1,13})\s+\d+%\s+\//.exec(line)?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

/** To the second, of which half has passed on average. */
function clockSkewOf(seconds: string, askedAtMs: number): number {
  if (!/^\d{1,12}$/.test(seconds)) return 0;
  return Math.round(Number(seconds) * 1000 + 500 - askedAtMs);
}

const WANTS_PASSWORD = {
  sudo: /a password is required|authentication (?:is )?required/i,
  doas: /Authentication (?:required|failed)|a tty is required/i,
} as const;

function wayOf(
  values: ReadonlyMap<string, string>,
  how: 'sudo' | 'doas',
): RootAccess | string | undefined {
  const program = pathOf(values, how);
  if (program === undefined) return undefined;
  const said = values.get(`said.${how}`) ?? '';
  if (values.get(`status.${how}`) === '0') {
    return { how, program, needsPassword: false, needsTerminal: false };
  }
  const wantsTerminal = /must have a tty/i.test(said);
  if (wantsTerminal || WANTS_PASSWORD[how].test(said)) {
    const needsTerminal = how === 'doas' || wantsTerminal;
    return { how, program, needsPassword: true, needsTerminal };
  }
  return said === '' ? `${how} refuses` : said;
}

function becomesRootOf(
  root: RootAccess | undefined,
  refusals: readonly string[],
  becomeRoot: BecomeRoot,
): BecomesRoot {
  if (root !== undefined) return { how: root.how, needsPassword: root.needsPassword };
  if (becomeRoot === 'never') return { how: 'impossible', why: 'nothing is to become root there' };
  if (refusals.length > 0) return { how: 'impossible', why: refusals.join('; ') };
  const missing = becomeRoot === 'auto' ? 'neither sudo nor doas' : `no ${becomeRoot}`;
  return { how: 'impossible', why: `there is ${missing}` };
}

/** A piece of one line of `sh` that precedes everything in a session: where programs are, and which store is meant. */
export function sessionSetUp(survey: Survey, isBecomingRoot: boolean): string {
  const { programDirectories, nixVariables } = survey;
  const path = programDirectories.map((directory) => `:${quoteShellWord(directory)}`).join('');
  const parts = path === '' ? [] : [`PATH=$PATH${path};export PATH`];
  if (isBecomingRoot) {
    parts.push('HOME=~root;export HOME');
    for (const [name, value] of nixVariables) {
      parts.push(`${name}=${quoteShellWord(value)};export ${name}`);
    }
  }
  return parts.map((part) => `${part};`).join('');
}
