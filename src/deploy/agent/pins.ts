/** Links on a host that keep store paths from being collected as garbage, where people find them. */
import { FerryError } from '../../error.ts';
import type { HostConnection } from '../../host/host-connection.ts';
import { quote, requirePath } from './request.ts';
import { runScript, type AgentOptions } from './run-script.ts';

export interface HostPin {
  /** Absolute path of the link. */
  readonly link: string;
  /** A valid store path there, as printed. */
  readonly path: string;
}

/** For all of them: each is a question to the store. */
const timeoutMs = 300_000;

/** Needs the function "run_store", and calls of "pin LINK PATH" after it. A link is put back where the new one can't be made. */
const pinScript = `
complain() { printf 'error %s\\n' "$*"; exit 0; }
pin() {
  parent=\${1%/*}
  [ -z "$parent" ] || [ -d "$parent" ] || (umask 022; mkdir -p "$parent") 2>/dev/null ||
    complain "denied cannot make \\"$parent\\""
  before=
  if [ -L "$1" ]; then
    before=$(readlink "$1")
    # Nix replaces only links into its store, and a link says nothing that would not be lost with it.
    if [ "$before" != "$2" ]; then
      rm -f "$1" 2>/dev/null || complain "denied cannot replace \\"$1\\""
    fi
  elif [ -e "$1" ]; then
    complain "conflict \\"$1\\" is there, and no link"
  fi
  if ! said=$(run_store --realise "$2" --add-root "$1" --indirect 2>&1 </dev/null); then
    [ -z "$before" ] || [ -L "$1" ] || ln -s "$before" "$1"
    complain "failed \\"$1\\" could not be made: $(printf '%s' "$said" | tail -n 1 | cut -b 1-300)"
  fi
  [ -L "$1" ] || complain "failed \\"$1\\" was not made"
}
`;

/**
 * Makes each link a root of its path. A link that is there is replaced, directories on the way are made.
 * @throws FerryError `conflict` where something else than a link is in the way, `denied`, `failed`
 */
export async function addPins(
  connection: HostConnection,
  pins: readonly HostPin[],
  { asRoot, signal }: AgentOptions = {},
): Promise<void> {
  const { nixStore } = connection.facts;
  if (pins.length === 0) return;
  if (nixStore === undefined)
    throw new FerryError('not-found', 'there is no nix-store on the host');
  for (const { link, path } of pins) {
    requirePath(link);
    requirePath(path);
    if (link.endsWith('/')) throw new FerryError('usage', `"${link}" cannot be a link`);
  }
  const script = [
    pinScript,
    `run_store() { ${nixStore.map(quote).join(' ')} "$@"; }`,
    ...pins.map(({ link, path }) => `pin ${quote(link)} ${quote(path)}`),
  ].join('\n');
  await runScript(connection, 'make pins', script, { asRoot, signal, timeoutMs });
}
