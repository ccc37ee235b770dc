/**
 * The command line of ssh, as Nix 2.20 and later build it, so that whatever people have set up for Nix (`NIX_SSHOPTS`,
 * ssh_config, wrappers named `ssh`) goes on working.
 */
import { quoteShellWord } from './shell-words.ts';

export interface SshTarget {
  readonly user?: string | undefined;
  readonly host: string;
  readonly port?: number | undefined;
}

/** Where connections meet that share one authentication. The first one, the master, makes the socket. */
interface SshSharing {
  readonly socket: string;
  readonly isMaster: boolean;
}

export interface SshArguments {
  readonly target: SshTarget;
  /** The words of `NIX_SSHOPTS`: first, since ssh takes the first value of an option. */
  readonly options?: readonly string[] | undefined;
  readonly identityFile?: string | undefined;
  /** A file of known hosts instead of the user's. */
  readonly knownHostsFile?: string | undefined;
  readonly compress?: boolean | undefined;
  readonly verbose?: boolean | undefined;
  readonly sharing?: SshSharing | undefined;
  /** What we would rather have where the user has said nothing. */
  readonly defaults?: readonly string[] | undefined;
  /** Further options of ssh for this one call. */
  readonly further?: readonly string[] | undefined;
  /** The words of the command, as the shell at the far end is to read them. */
  readonly command: readonly string[];
}

/** `[user@]host` */
export function sshDestination({ user, host }: SshTarget): string {
  return user === undefined ? host : `${user}@${host}`;
}

/** What decides which host is reached and how, without a command: also good for `ssh -G`. */
export function sshConnectionArguments(options: Omit<SshArguments, 'command'>): string[] {
  const { target, identityFile, knownHostsFile, compress = false } = options;
  return [
    sshDestination(target),
    '-x',
    ...(options.options ?? []),
    ...(identityFile === undefined ? [] : ['-i', identityFile]),
    ...(knownHostsFile === undefined ? [] : [`-oUserKnownHostsFile=${knownHostsFile}`]),
    ...(compress ? ['-C'] : []),
    ...(target.port === undefined ? [] : [`-p${target.port}`]),
  ];
}

export function sshArguments(options: SshArguments): string[] {
  const { sharing, verbose = false } = options;
  return [
    ...sshConnectionArguments(options),
    // Printed on our side when the connection stands and before the far end can say anything.
    '-oPermitLocalCommand=yes',
    '-oLocalCommand=echo started',
    ...(options.defaults ?? []),
    ...(sharing === undefined ? [] : sharingArguments(sharing)),
    ...(verbose ? ['-v'] : []),
    ...(options.further ?? []),
    '--',
    ...options.command,
  ];
}

// The first session is the master itself, so that nothing is left running when we are gone.
function sharingArguments({ socket, isMaster }: SshSharing): string[] {
  return isMaster ? ['-M', '-S', socket, '-oControlPersist=no'] : ['-S', socket];
}

/**
 * The command at the far end. The program's own words are left to the shell there as they are, as Nix leaves them:
 * people write `~/.nix-profile/bin/nix-store`. What we add is quoted.
 */
export function remoteCommand(program: readonly string[], args: readonly string[]): string[] {
  return [...program, ...args.map(quoteShellWord)];
}
