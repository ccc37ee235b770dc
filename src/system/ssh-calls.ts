/**
 * How ssh is to be called to reach a machine, for whatever is to be done there: the words of its command line, with what
 * the user's configuration leaves open filled in, and a private directory for its files.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeBase64 } from '../bytes/base64.ts';
import { FerryError } from '../error.ts';
import { splitShellWords } from './shell-words.ts';
import {
  sshArguments,
  sshConnectionArguments,
  type SshArguments,
  type SshTarget,
} from './ssh-arguments.ts';
import { askSshConfig, hasAesInstructions, sshDefaults, type SshConfig } from './ssh-config.ts';

export interface SshCallsOptions {
  readonly target: SshTarget;
  /** Our own variables: ssh needs them, `NIX_SSHOPTS` is among them. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly identityFile?: string | undefined;
  /** The far end's public key, base 64 of `ssh-ed25519 AAAA…`: no other is then accepted. */
  readonly base64PublicHostKey?: string | undefined;
  readonly compress?: boolean | undefined;
  readonly verbose?: boolean | undefined;
  /** Whether the private directory is wanted in any case. */
  readonly needsDirectory?: boolean | undefined;
}

export interface SshCalls extends AsyncDisposable {
  /** Nobody but us may look into it; gone when this is disposed. Undefined where nobody needed it. */
  readonly directory: string | undefined;
  /** What ssh says that it would do; undefined where it can't tell. */
  readonly config: SshConfig | undefined;
  /** For its process. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Its command line, without its own name. */
  arguments(call: Pick<SshArguments, 'command' | 'sharing' | 'further'>): string[];
}

export const SSH = 'ssh';

/** @throws FerryError `usage` for what is no host key, or a `NIX_SSHOPTS` with an open quote. */
export async function prepareSshCalls(options: SshCallsOptions): Promise<SshCalls> {
  const { target, env, base64PublicHostKey, needsDirectory = false } = options;
  // Whatever shell the user has, LocalCommand is to be run by one that knows `echo`.
  const variables = { ...env, SHELL: '/bin/sh' };
  const base: Omit<SshArguments, 'command'> = {
    target,
    options: splitShellWords(env['NIX_SSHOPTS'] ?? ''),
    identityFile: options.identityFile,
    compress: options.compress,
    verbose: options.verbose,
  };
  const config = await askSshConfig(SSH, sshConnectionArguments(base), variables);
  await using cleanup = new AsyncDisposableStack();
  let directory: string | undefined;
  let knownHostsFile: string | undefined;
  if (base64PublicHostKey !== undefined || needsDirectory) {
    const made = await makePrivateDirectory();
    cleanup.defer(() => rm(made, { recursive: true, force: true }));
    directory = made;
    if (base64PublicHostKey !== undefined) {
      knownHostsFile = join(made, 'host-key');
      await writeFile(knownHostsFile, knownHosts(target, config, base64PublicHostKey));
    }
  }
  const defaults = sshDefaults(config, hasAesInstructions());
  const kept = cleanup.move();
  return {
    directory,
    config,
    variables,
    arguments: (call) => sshArguments({ ...base, knownHostsFile, defaults, ...call }),
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
