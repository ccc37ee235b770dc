/** Copies a development shell to another store, keeps it there, and says how it is entered. */
import { parseStoreUri } from '../config/store-uri.ts';
import type { StoreDir } from '../format/store-path.ts';
import type { HostConnection } from '../host/host-connection.ts';
import { rootsOf, type BuildClosure } from '../shell/build-closure.ts';
import { rootShellOnHost, type RootedShell } from '../shell/root-on-host.ts';
import { requireShellName } from '../shell/shell-links.ts';
import type { Store } from '../store/store.ts';
import type { CommandContext } from './context.ts';
import { gatherShellToCopy, type GatheredToCopy } from './gather-shell-to-copy.ts';
import type { ShellExpression } from './instantiate-shell.ts';
import { hostOpener } from './open-hosts.ts';
import { rootShellHere } from './root-shell-here.ts';
import { runCopy } from './run-copy.ts';
import type { Session } from './session.ts';
import { shellName } from './shell-names.ts';
import { tellShellCopied } from './ui/shell-copied.ts';
import { withCompression } from './with-compression.ts';

export interface ShellCopyRequest {
  /** A file, a derivation, a link to one, a flake's shell, the name of one that was copied here; by default what is here. */
  readonly word: string | undefined;
  readonly expression: Omit<ShellExpression, 'file' | 'storeUri'>;
  readonly from: string | undefined;
  readonly to: string;
  /** Under which name it is kept there. */
  readonly name: string | undefined;
  /** Store paths, and files that become some. */
  readonly others: readonly string[];
  readonly checkSigs: boolean;
  readonly substitute: boolean;
  readonly gzip: boolean;
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** A shell that is where it should be. */
export interface CopiedShell extends GatheredToCopy {
  readonly name: string;
  readonly storeDir: StoreDir;
  /** The destination, as messages name it. */
  readonly uri: string;
  /** Where it is kept; undefined where nothing is collected. */
  readonly rooted: RootedShell | undefined;
  /** Which of the two can enter it there. */
  readonly hasFerry: boolean;
  readonly hasNix: boolean;
}

/** @returns the exit status */
export async function runShellCopy(
  context: CommandContext,
  request: ShellCopyRequest,
): Promise<number> {
  const { to, json } = request;
  if (request.name !== undefined) requireShellName(request.name);
  const { kind } = parseStoreUri(to);
  const isFar = kind === 'ssh' || kind === 'ssh-ng';
  let host: HostConnection | undefined;
  let gathered: GatheredToCopy | undefined;
  let copied: CopiedShell | undefined;
  const status = await runCopy(context, {
    ...request,
    words: [],
    noRecursive: false,
    includeOutputs: false,
    derivation: false,
    keepGoing: false,
    talk: json ? 'json' : 'people',
    async find(source, session) {
      gathered = await gatherShellToCopy(context, session, source, request);
      return rootsOf(gathered.closure);
    },
    ...(isFar && {
      async openDestination(session: Session): Promise<Store> {
        host = await openHostFor(context, session, request);
        return await host.openStore();
      },
    }),
    async finish(destination) {
      if (gathered === undefined) return;
      const name = request.name ?? shellName(context.cwd, request.word, gathered.closure.drv);
      const { storeDir, uri } = destination;
      const rooted = await rootShell(context, destination, { host, name, ...gathered });
      const isHere = host === undefined;
      copied = {
        ...gathered,
        name,
        storeDir,
        uri,
        rooted,
        hasFerry: isHere || host?.facts.ferryVersion !== undefined,
        hasNix: isHere || host?.facts.nixVersion !== undefined,
      };
    },
  });
  if (copied !== undefined) await tellShellCopied(context, copied, { json });
  return status;
}

/** One login for all: the copy, and what keeps it there. It goes as the user who is named, as any copy does. */
async function openHostFor(
  context: CommandContext,
  session: Session,
  { to, gzip }: ShellCopyRequest,
): Promise<HostConnection> {
  const uri = parseStoreUri(to);
  const name = 'host' in uri ? uri.host : to;
  const host = await hostOpener(context, session).open({
    name,
    uri: withCompression(to, gzip) ?? to,
    becomeRoot: 'never',
  });
  try {
    return session.use(host);
  } catch (error) {
    // The session has ended meanwhile.
    await host[Symbol.asyncDispose]();
    throw error;
  }
}

interface Rooting {
  readonly host: HostConnection | undefined;
  readonly name: string;
  readonly closure: BuildClosure;
}

async function rootShell(
  context: CommandContext,
  destination: Store,
  { host, name, closure }: Rooting,
): Promise<RootedShell | undefined> {
  if (host === undefined) return await rootShellHere(context, destination, name, closure);
  const { signal } = context;
  return await rootShellOnHost(host, destination.storeDir, name, closure, { signal });
}
