/**
 * Runs a program at the far end of ssh: the system's own, with the user's configuration, agent, jump hosts and keys.
 * It asks for passwords on the terminal by itself.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeBase64 } from '../bytes/base64.ts';
import { FerryError } from '../error.ts';
import { startProcess, type ProcessOptions, type RunningProcess } from './process.ts';
import { splitShellWords } from './shell-words.ts';
import {
  remoteCommand,
  sshArguments,
  sshConnectionArguments,
  sshDestination,
  type SshArguments,
  type SshTarget,
} from './ssh-arguments.ts';
import { askSshConfig, hasAesInstructions, sshDefaults, type SshConfig } from './ssh-config.ts';

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

const SSH = 'ssh';

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
  const { target, env, base64PublicHostKey, isShared = false, onStderrLine } = options;
  // Whatever shell the user has, LocalCommand is to be run by one that knows `echo`.
  const variables = { ...env, SHELL: '/bin/sh' };
  const base: Omit<SshArguments, 'command'> = {
    ...options,
    options: splitShellWords(env['NIX_SSHOPTS'] ?? ''),
    defaults: [],
  };
  const config = await askSshConfig(SSH, sshConnectionArguments(base), variables);
  await using cleanup = new AsyncDisposableStack();
  let knownHostsFile: string | undefined;
  let socket: string | undefined;
  if (base64PublicHostKey !== undefined || isShared) {
    const directory = await makePrivateDirectory();
    cleanup.defer(() => rm(directory, { recursive: true, force: true }));
    if (isShared) socket = join(directory, 's');
    if (base64PublicHostKey !== undefined) {
      knownHostsFile = join(directory, 'host-key');
      await writeFile(knownHostsFile, knownHosts(target, config, base64PublicHostKey));
    }
  }
  const defaults = sshDefaults(config, hasAesInstructions());
  let master: RunningProcess | undefined;
  const kept = cleanup.move();
  return {
    destination: sshDestination(target),
    authenticates: true,
    connect: async () => {
      const isMaster = master?.isRunning !== true;
      const args = sshArguments({
        ...base,
        knownHostsFile,
        defaults,
        sharing: socket === undefined ? undefined : { socket, isMaster },
        command: remoteCommand(options.program, options.args),
      });
      const child = await startProcess(SSH, args, { env: variables, onStderrLine });
      if (isMaster) master = child;
      return child;
    },
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}

/** Short: ssh's socket has to fit into 108 bytes, a suffix of its own included. */
async function makePrivateDirectory(): Promise<string> {
  const parent = tmpdir();
  return await mkdtemp(join(parent.length > 60 ? '/tmp' : parent, 'ferry-ssh-'));
}

/** Under each name that ssh may look it up by. */
function knownHosts(target: SshTarget, config: SshConfig | undefined, base64Key: string): string {
  const key = Buffer.from(decodeBase64(base64Key)).toString('utf8').trim();
  if (key === '' || key.includes('\n')) {
    throw new FerryError('usage', 'base64-ssh-public-host-key is not one public key');
  }
  const port = target.port ?? Number(config?.get('port') ?? 22);
  const names = new Set([target.host]);
  for (const name of [config?.get('hostname'), config?.get('hostkeyalias')]) {
    if (name !== undefined && name !== 'none') names.add(name);
  }
  const lines = [...names].flatMap((name) => [`${name} ${key}\n`, `[${name}]:${port} ${key}\n`]);
  return lines.join('');
}
