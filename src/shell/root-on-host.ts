/**
 * Keeps a shell on a host that is reached by ssh: makes its links there, by what the host has for it. Root's go where
 * every user finds them, others' below the home directory.
 */
import { parseStoreUri } from '../config/store-uri.ts';
import { FerryError } from '../error.ts';
import { printStorePath, type StoreDir } from '../format/store-path.ts';
import type { HostConnection } from '../host/host-connection.ts';
import type { HostFacts } from '../host/host-facts.ts';
import { quoteShellWord } from '../system/shell-words.ts';
import type { BuildClosure } from './build-closure.ts';
import { derivationLink, inputLink } from './shell-links.ts';

export interface RootedShell {
  /** The directory of the links. */
  readonly directory: string;
  /** All of them were there already. */
  readonly wasThere: boolean;
}

/**
 * `$1` is the store that is meant there where that isn't the usual one, `$2` the name, `$3` the derivation, further ones the
 * inputs. What is there already is left as it is. Where the store lies elsewhere than its paths say (a root of its own), only
 * Nix knows where its roots go. A link to a directory must be replaced by `ln -n`: `mv` would move into that directory.
 */
const SCRIPT = `set -eu
elsewhere=$1
name=$2
drv=$3
shift 3
case \${XDG_STATE_HOME-} in
  /*) state=$XDG_STATE_HOME ;;
  *) state=$HOME/.local/state ;;
esac
directory=$state/ferry/shells/$name
direct=
gcroots=\${NIX_STATE_DIR:-/nix/var/nix}/gcroots
if [ -z "$elsewhere" ] && [ "$(id -u)" = 0 ] && [ -e "$drv" ] && [ -d "$gcroots" ]; then
  directory=$gcroots/ferry-shells/$name
  direct=yes
fi
link() { if [ "$1" = 1 ]; then echo "$directory/${inputLink}"; else echo "$directory/${inputLink}-$1"; fi; }
is_there() {
  [ "$(readlink "$directory/${derivationLink}")" = "$drv" ] || return 1
  number=1
  for path; do
    [ "$(readlink "$(link $number)")" = "$path" ] || return 1
    number=$((number + 1))
  done
  [ ! -h "$(link $number)" ]
}
echo "directory=$directory"
if is_there "$@"; then
  echo there=yes
  exit 0
fi
mkdir -p "$directory"
if [ -n "$direct" ]; then
  number=1
  for path; do
    ln -sfn "$path" "$(link $number)"
    number=$((number + 1))
  done
  ln -sfn "$drv" "$directory/${derivationLink}"
else
  [ $# = 0 ] || NIX_STORE \${elsewhere:+--store "$elsewhere"} --realise --add-root "$directory/${inputLink}" --indirect "$@" >/dev/null
  ADD_DERIVATION >/dev/null
fi
number=$(($# + 1))
while [ -h "$(link $number)" ]; do
  rm -f "$(link $number)"
  number=$((number + 1))
done
`;

/** @throws FerryError `unsupported` where the host has neither Nix nor ferry, `failed` where it can't be done */
export async function rootShellOnHost(
  host: HostConnection,
  storeDir: StoreDir,
  name: string,
  closure: BuildClosure,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<RootedShell> {
  const paths = [closure.drv, ...closure.inputs].map((path) => printStorePath(storeDir, path));
  const elsewhere = parseStoreUri(host.host.uri).parameters.get('remote-store') ?? '';
  const script = scriptFor(host.host.name, host.facts);
  const args = [elsewhere, name, ...paths];
  const { status, stdout, stderr } = await host.run(script, { args, signal });
  const values = new Map(stdout.split('\n').map((line) => [line.split('=', 1)[0], line]));
  const directory = values.get('directory')?.slice('directory='.length);
  if (status !== 0 || directory === undefined) {
    throw new FerryError(
      'failed',
      `the shell is on "${host.host.name}", and cannot be kept there: ${stderr || `status ${status}`}`,
      { hint: 'copied it is, and stays until garbage is collected there' },
    );
  }
  return { directory, wasThere: values.has('there') };
}

function scriptFor(name: string, { nixStore, ferryVersion }: HostFacts): string {
  const [program, ...rest] = nixStore ?? [];
  if (program === undefined) {
    throw new FerryError('unsupported', `"${name}" has neither Nix nor ferry to keep a shell with`);
  }
  const words = [program, ...rest].map(quoteShellWord).join(' ');
  // Nix makes roots of derivations when it evaluates; importing one is all that there is to evaluate.
  const isNix = program.endsWith('nix-store');
  const instantiate = quoteShellWord(program.replace(/nix-store$/, 'nix-instantiate'));
  const store = '${elsewhere:+--store "$elsewhere"}';
  const add = isNix
    ? `${instantiate} ${store} --add-root "$directory/${derivationLink}" --indirect -E '{ drv }: import (/. + drv)' --argstr drv "$drv"`
    : `${quoteShellWord(program)} store add-root ${store} "$directory/${derivationLink}" "$drv"`;
  if (!isNix && ferryVersion === undefined) {
    throw new FerryError('unsupported', `"${name}" has no program to keep a derivation with`);
  }
  return SCRIPT.replace('NIX_STORE', () => words).replace('ADD_DERIVATION', () => add);
}
