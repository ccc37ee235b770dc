/** What is asked of a host, and the shell assignments that tell its scripts. */
import { createHash, randomBytes } from 'node:crypto';
import { FerryError } from '../../error.ts';
import type { HostConnection } from '../../host/host-connection.ts';
import type { Activation } from '../fleet.ts';
import { agentScript } from './script-agent.ts';
import { knownActivationPrograms, programsScript } from './script-programs.ts';
import { commonClientScript, commonScript } from './script-common.ts';
import { keptNames, startScript } from './script-client.ts';

export interface ActivationRequest {
  /** Absolute path of the profile on the host. */
  readonly profile: string;
  /** The store path to be made live, as printed; it must be valid there. */
  readonly newPath: string;
  /** The generation that has this path already, to go to an old one by hand; undefined makes a new one. */
  readonly generation?: number | undefined;
  readonly activation: Activation;
  /** In all, seconds at least. After it, the program and all that stayed with it is killed. */
  readonly activationTimeoutMs: number;
  /** How long the host waits to be confirmed; 0 asks for no confirmation. */
  readonly confirmTimeoutMs: number;
}

/** Bytes of what each program prints that are kept. */
const logMaxBytes = 256 * 1024;

/** What names the turns of a profile on its host. */
export function turnsKey(profile: string): string {
  return createHash('sha256').update(profile).digest('hex').slice(0, 32);
}

/** Begins with what people call the profile; names a directory and a systemd unit. */
export function newActivationId(profile: string): string {
  const name = profile.slice(profile.lastIndexOf('/') + 1).toLowerCase();
  const readable = name.replaceAll(/[^a-z0-9]+/g, '-').slice(0, 24);
  return `a-${readable}-${randomBytes(8).toString('hex')}`.replaceAll(/-+/g, '-');
}

/** The whole script that starts an activation. @throws FerryError `usage` */
export function startScriptFor(
  { facts }: HostConnection,
  id: string,
  request: ActivationRequest,
): string {
  const { profile, newPath, generation } = request;
  requireProfile(profile);
  requirePath(newPath);
  const [program, ...words] = facts.nixEnv ?? [];
  if (program === undefined) throw new FerryError('not-found', 'there is no nix-env on the host');
  if (generation !== undefined) requireGeneration(generation);
  const own = assignments({
    id,
    key: turnsKey(profile),
    profile,
    to_generation: generation === undefined ? '' : String(generation),
  });
  const fixed = assignments({
    known_programs: knownActivationPrograms.join(' '),
    kept_names: keptNames,
    system_link: '/run/current-system',
    log_max: String(logMaxBytes),
    activation_timeout: secondsOf(request.activationTimeoutMs),
    ...activationVariables(request),
  });
  const nixEnvRest = words.map(quote).join(' ');
  // Found out on the host before the agent is written down: the path, and where its nix-env lies by its real name.
  const agent = heredoc([
    own,
    fixed,
    commonScript,
    'nix_env() {\n  nix_env_limit=$1\n  shift',
    `  run_limited "$nix_env_limit" / "$nix_env_program" ${nixEnvRest} "$@"\n}`,
    programsScript,
    agentScript,
    'main "$@"',
  ]);
  return [
    own,
    assignments({ new_path: newPath, nix_env_program: program }),
    `wants_systemd=${facts.hasSystemd ? 1 : ''}`,
    'write_agent() {',
    `  for name in base new_path nix_env_program; do keep "$name" "$name"; done && ${agent}`,
    '}',
    commonClientScript,
    startScript,
  ].join('\n');
}

/** The activation as variables: `kind`, what belongs to it, whether the profile is set, how long to wait. */
function activationVariables(request: ActivationRequest): Record<string, string> {
  const { activation, confirmTimeoutMs } = request;
  const none = {
    kind: activation.kind,
    action: '',
    activation_program: '',
    activation_command: '',
    sets_profile: '1',
    confirm_timeout: confirmTimeoutMs === 0 ? '0' : secondsOf(confirmTimeoutMs),
  };
  switch (activation.kind) {
    case 'auto':
      return none;
    case 'none':
      return { ...none, confirm_timeout: '0' };
    case 'command':
      return { ...none, activation_command: activation.command };
    case 'program':
      requireProgram(activation.path);
      return { ...none, activation_program: activation.path };
    case 'nixos': {
      const { action } = activation;
      const changesWhatRuns = action === 'switch' || action === 'test';
      return {
        ...none,
        action,
        sets_profile: action === 'switch' || action === 'boot' ? '1' : '',
        ...(changesWhatRuns ? {} : { confirm_timeout: '0' }),
      };
    }
  }
}

/** `name='value'`, a line each. @throws FerryError `usage` for what no shell can hold */
export function assignments(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${quote(value)}\n`)
    .join('');
}

/** A word of POSIX sh, whatever is in it. */
export function quote(word: string): string {
  if (word.includes('\0')) {
    throw new FerryError('usage', 'a command or path for a host has a null byte in it');
  }
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** Prints the text, as it is. */
function heredoc(parts: readonly string[]): string {
  const mark = `END_${randomBytes(12).toString('hex')}`;
  return `cat <<'${mark}'\n${parts.join('\n')}\n${mark}`;
}

function secondsOf(ms: number): string {
  return String(Math.max(1, Math.ceil(ms / 1000)));
}

/** @throws FerryError `usage` */
export function requireProfile(profile: string): void {
  requirePath(profile);
  const parts = profile.split('/').slice(1);
  if (parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw new FerryError('usage', `"${profile}" cannot be a profile: it is no plain path`);
  }
}

/** @throws FerryError `usage` for what isn't absolute, or would end a line of what is written about it */
export function requirePath(path: string): void {
  if (!/^\/[^\u0000-\u001f\u007f]*$/.test(path) || path.length > 4000) {
    throw new FerryError('usage', `${JSON.stringify(path)} is no absolute path of a host`);
  }
}

function requireProgram(path: string): void {
  const parts = path.split('/');
  if (path.startsWith('/') || parts.includes('..') || /[\u0000-\u001f\u007f]/.test(path)) {
    throw new FerryError('usage', `"${path}" is no path inside a closure, such as bin/activate`);
  }
}

/** @throws FerryError `usage` */
export function requireGeneration(number: number): void {
  if (Number.isSafeInteger(number) && number >= 0) return;
  throw new FerryError('usage', `${number} is no number of a generation`);
}
