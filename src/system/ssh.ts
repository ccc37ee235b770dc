/**
 * Runs a program at the far end of ssh: the system's own, with the user's configuration, agent, jump hosts and keys.
 * It asks for passwords on the terminal by itself.
 */
import { join } from 'node:path';
import { FerryError } from '../error.ts';
import { startProcess, type ProcessOptions, type RunningProcess } from './process.ts';
import { remoteCommand, sshDestination, type SshTarget } from './ssh-arguments.ts';
import { prepareSshCalls, SSH } from './ssh-calls.ts';

export interface SshOptions {
  readonly target: SshTarget;
  /** The words of the program at the far end; its shell expands them. */
  readonly program: readonly string[];
  /** Arguments that reach it as they are. */
  readonly args: readonly string[];
  /** Our own variables: ssh needs them, `NIX_SSHOPTS` is among them. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly identityFile?: string | undefined;
  /** The far end's public key, base 64 of `ssh-ed25519 AAAA…`: no other is then accepted. */
  readonly base64PublicHostKey?: string | undefined;
  readonly compress?: boolean | undefined;
  readonly verbose?: boolean | undefined;
  /** Whether there will be several connections, which then share one authentication. */
  readonly isShared?: boolean | undefined;
  readonly onStderrLine?: ProcessOptions['onStderrLine'];
}

export interface SshLauncher extends AsyncDisposable {
  /** How people know the far end: `[user@]host`. */
  readonly destination: string;
  /**
   * Whether time passes before it can answer that isn't its own: then `started` comes first in what it sends, in most
   * cases, when the user is let in.
   */
  readonly authenticates: boolean;
  /** Starts the program once more. A second one that is to share waits until the first was heard of. */
  connect(): Promise<RunningProcess>;
}

/** What `prepareSsh` is: others may log in once for many sessions, or run the program as another user. */
export type PrepareSsh = (options: SshOptions) => Promise<SshLauncher>;

/** The host named `localhost`, exactly, is this machine: the program is run without ssh, as Nix does. */
export async function prepareSsh(options: SshOptions): Promise<SshLauncher> {
  return options.target.host === 'localhost' ? prepareHere(options) : await prepareThere(options);
}

function prepareHere({ target, program, args, env, onStderrLine }: SshOptions): SshLauncher {
  const [first, ...words] = program;
  if (first === undefined) throw new FerryError('usage', 'the program at the far end has no name');
  return {
    destination: sshDestination(target),
    authenticates: false,
    connect: () => startProcess(first, [...words, ...args], { env, onStderrLine }),
    [Symbol.asyncDispose]: async () => {},
  };
}

async function prepareThere(options: SshOptions): Promise<SshLauncher> {
  const { target, isShared = false, onStderrLine } = options;
  const calls = await prepareSshCalls({ ...options, needsDirectory: isShared });
  const socket = isShared && calls.directory !== undefined ? join(calls.directory, 's') : undefined;
  let master: RunningProcess | undefined;
  return {
    destination: sshDestination(target),
    authenticates: true,
    connect: async () => {
      const isMaster = master?.isRunning !== true;
      const args = calls.arguments({
        sharing: socket === undefined ? undefined : { socket, isMaster },
        command: remoteCommand(options.program, options.args),
      });
      const child = await startProcess(SSH, args, { env: calls.variables, onStderrLine });
      if (isMaster) master = child;
      return child;
    },
    [Symbol.asyncDispose]: () => calls[Symbol.asyncDispose](),
  };
}
