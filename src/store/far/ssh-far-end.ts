/** A far end behind ssh, whatever protocol its program speaks: what a store's URI and its parameters say of it. */
import { storeDirOf, type Environment } from '../../config/environment.ts';
import { booleanParameter, numberParameter, type StoreUri } from '../../config/store-uri.ts';
import { FerryError } from '../../error.ts';
import { parseStoreDir, type StoreDir } from '../../format/store-path.ts';
import { sshDestination } from '../../system/ssh-arguments.ts';
import { prepareSsh, type PrepareSsh, type SshLauncher } from '../../system/ssh.ts';
import type { CallOptions } from '../store.ts';
import type { FarEnd } from './far-end-error.ts';
import type { GreetOptions } from './greet.ts';

export interface OpenSshOptions extends CallOptions {
  /** ssh needs its variables, `NIX_SSHOPTS` is among them. */
  readonly env: Environment;
  /** ssh compresses what it sends, beyond what the URI says. */
  readonly compress?: boolean | undefined;
  /** ssh tells what it does. */
  readonly verbose?: boolean | undefined;
  /** How the program at the far end is reached; by default a connection of its own. */
  readonly prepareSsh?: PrepareSsh | undefined;
  /** A line that ssh or the program at the far end printed, or what else people should know although it works. */
  readonly onDiagnostic?: ((line: string) => void) | undefined;
}

/** The parameters that are understood here. */
export const sshParameters: readonly string[] = [
  'store',
  'max-connections',
  'ssh-key',
  'base64-ssh-public-host-key',
  'compress',
  'remote-program',
  'remote-store',
];

export interface SshFarEnd {
  readonly launcher: SshLauncher;
  readonly farEnd: FarEnd;
  readonly storeDir: StoreDir;
  readonly connectionsMax: number;
  /** For every greeting. */
  readonly greeting: Pick<GreetOptions, 'farEnd' | 'authenticates' | 'onWarning'>;
}

/** What is run there. */
interface SshProgram {
  /** Where no parameter names another. */
  readonly name: string;
  readonly args: readonly string[];
}

/**
 * Nothing is connected yet.
 * @throws FerryError `usage` for parameters that make no sense, and what `prepareSsh` throws.
 */
export async function prepareSshFarEnd(
  uri: Extract<StoreUri, { kind: 'ssh' | 'ssh-ng' }>,
  { name: usualProgram, args }: SshProgram,
  options: OpenSshOptions,
): Promise<SshFarEnd> {
  const { parameters } = uri;
  const connectionsMax = numberParameter(parameters, 'max-connections') ?? 1;
  if (connectionsMax < 1 || connectionsMax > 64) {
    throw new FerryError('usage', `max-connections=${connectionsMax} is not between 1 and 64`);
  }
  const program = wordsOf(parameters.get('remote-program') ?? usualProgram);
  const remoteStore = parameters.get('remote-store');
  const launcher = await (options.prepareSsh ?? prepareSsh)({
    target: uri,
    program,
    args: [...args, ...(remoteStore === undefined ? [] : ['--store', remoteStore])],
    env: options.env.variables,
    identityFile: parameters.get('ssh-key'),
    base64PublicHostKey: parameters.get('base64-ssh-public-host-key'),
    compress: options.compress ?? booleanParameter(parameters, 'compress') ?? false,
    verbose: options.verbose,
    isShared: connectionsMax > 1,
    onStderrLine: options.onDiagnostic,
  });
  const store = parameters.get('store');
  const port = uri.port === undefined ? '' : `:${uri.port}`;
  const host = uri.host.includes(':') ? `[${uri.host}]` : uri.host;
  const farEnd = {
    name: launcher.destination,
    uri: `${uri.kind}://${sshDestination({ user: uri.user, host })}${port}`,
    program: program.join(' '),
    usualProgram,
  };
  return {
    launcher,
    farEnd,
    storeDir: store === undefined ? storeDirOf(options.env) : parseStoreDir(store),
    connectionsMax,
    greeting: {
      farEnd,
      authenticates: launcher.authenticates,
      onWarning: (message, hint) => {
        options.onDiagnostic?.(`warning: ${message}`);
        options.onDiagnostic?.(`hint: ${hint}`);
      },
    },
  };
}

function wordsOf(program: string): string[] {
  const words = program.split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) throw new FerryError('usage', 'remote-program is empty');
  return words;
}
