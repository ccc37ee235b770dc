/** Opens `ssh://` stores: what their URI and its parameters say, as Nix understands them. */
import { FerryError } from '../../error.ts';
import { storeDirOf, type Environment } from '../../config/environment.ts';
import { booleanParameter, numberParameter, type StoreUri } from '../../config/store-uri.ts';
import { parseStoreDir } from '../../format/store-path.ts';
import type { RunningProcess } from '../../system/process.ts';
import { sshDestination } from '../../system/ssh-arguments.ts';
import { prepareSsh, type SshLauncher } from '../../system/ssh.ts';
import type { CallOptions } from '../store.ts';
import { openServeConnection, type ServeConnection } from './connection.ts';
import { ServeStore } from './serve-store.ts';

export interface OpenSshStoreOptions extends CallOptions {
  /** ssh needs its variables, `NIX_SSHOPTS` is among them. */
  readonly env: Environment;
  /** ssh compresses what it sends, beyond what the URI says. */
  readonly compress?: boolean | undefined;
  /** ssh tells what it does. */
  readonly verbose?: boolean | undefined;
  /** A line that ssh or the program at the far end printed, or what else people should know although it works. */
  readonly onDiagnostic?: ((line: string) => void) | undefined;
}

/** Those that are understood here. */
export const sshParameters: readonly string[] = [
  'store',
  'max-connections',
  'ssh-key',
  'base64-ssh-public-host-key',
  'compress',
  'remote-program',
  'remote-store',
];

/**
 * The connection stands when this returns.
 * @throws FerryError `usage`, `unavailable`, `not-found`, `protocol`.
 */
export async function openSshStore(
  uri: Extract<StoreUri, { kind: 'ssh' | 'ssh-ng' }>,
  options: OpenSshStoreOptions,
): Promise<ServeStore> {
  const { parameters } = uri;
  const connectionsMax = numberParameter(parameters, 'max-connections') ?? 1;
  if (connectionsMax < 1 || connectionsMax > 64) {
    throw new FerryError('usage', `max-connections=${connectionsMax} is not between 1 and 64`);
  }
  const program = wordsOf(parameters.get('remote-program') ?? 'nix-store');
  const remoteStore = parameters.get('remote-store');
  const launcher = await prepareSsh({
    target: uri,
    program,
    args: ['--serve', '--write', ...(remoteStore === undefined ? [] : ['--store', remoteStore])],
    env: options.env.variables,
    identityFile: parameters.get('ssh-key'),
    base64PublicHostKey: parameters.get('base64-ssh-public-host-key'),
    compress: options.compress ?? booleanParameter(parameters, 'compress') ?? false,
    verbose: options.verbose,
    isShared: connectionsMax > 1,
    onStderrLine: options.onDiagnostic,
  });
  const store = parameters.get('store');
  const storeDir = store === undefined ? storeDirOf(options.env) : parseStoreDir(store);
  const port = uri.port === undefined ? '' : `:${uri.port}`;
  const host = uri.host.includes(':') ? `[${uri.host}]` : uri.host;
  const name = `ssh://${sshDestination({ user: uri.user, host })}${port}`;
  const farEnd = { name: launcher.destination, uri: name, program: program.join(' ') };
  const opened = new ServeStore({
    uri: name,
    storeDir,
    connectionsMax,
    open: (signal) =>
      connect(launcher, (transport) =>
        openServeConnection(transport, {
          farEnd,
          storeDir,
          authenticates: launcher.authenticates,
          onWarning: (message, hint) => {
            options.onDiagnostic?.(`warning: ${message}`);
            options.onDiagnostic?.(`hint: ${hint}`);
          },
          signal,
        }),
      ),
    onDispose: async () => launcher[Symbol.asyncDispose](),
  });
  try {
    await opened.queryValidPaths([], { signal: options.signal });
    return opened;
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

async function connect(
  launcher: SshLauncher,
  open: (transport: RunningProcess) => Promise<ServeConnection>,
): Promise<ServeConnection> {
  return await open(await launcher.connect());
}

function wordsOf(program: string): string[] {
  const words = program.split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) throw new FerryError('usage', 'remote-program is empty');
  return words;
}
