/**
 * Small closures to deploy to the machines of `hosts.ts`: generations of a system in the shape of NixOS, outputs of
 * derivations that real Nix made. Each has contents that all share and some of its own, `bin/switch-to-configuration` and
 * `activate`; some do what a bad generation does.
 *
 * What is active on a machine stands in /run/current-version and /run/current-system; each call of an activation
 * program adds a line `VERSION PROGRAM ACTION` to /var/log/activations.
 */
import { createCipheriv } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestHost } from './hosts.ts';
import type { NixHome } from './nix-home.ts';

/**
 * What activation does besides: it ends with status 4; it never ends; it never ends and won't be asked to; it takes the
 * network down; it ends sshd and all its sessions. Each does so after the version became the active one. `wrong-system`
 * is built for another kind of machine.
 */
export type Behaviour =
  | 'works'
  | 'fails'
  | 'hangs'
  | 'ignores-term'
  | 'cuts-network'
  | 'kills-sshd'
  | 'wrong-system';

export interface WantedSystem {
  /** A word: `v1`. */
  readonly version: string;
  readonly behaviour?: Behaviour | undefined;
  /** Contents that no other version has. Default 1 MB. */
  readonly ownBytes?: number | undefined;
}

export interface DeployableSystem {
  readonly version: string;
  /** Store path of the system, as printed. */
  readonly path: string;
  readonly drvPath: string;
}

export interface DeployablesOptions {
  /** Contents that all versions share. Default 2 MB. */
  readonly sharedBytes?: number | undefined;
}

const SHARED_FILES = 8;
const MEGABYTE = 1_000_000;

/** Makes them in the store of `home`, in the order asked for. The same wishes give the same paths. */
export async function makeDeployables(
  home: NixHome,
  wanted: readonly WantedSystem[],
  { sharedBytes = 2 * MEGABYTE }: DeployablesOptions = {},
): Promise<DeployableSystem[]> {
  const directory = join(home.path, 'deployables');
  mkdirSync(directory, { recursive: true });
  const shared = Array.from({ length: SHARED_FILES }, (_, at) => `shared-${at}`);
  for (const name of shared) {
    writeFileSync(join(directory, name), noise(name, Math.ceil(sharedBytes / SHARED_FILES)));
  }
  const expressions = wanted.map(({ version, behaviour = 'works', ownBytes = MEGABYTE }) => {
    writeFileSync(join(directory, `own-${version}`), noise(version, ownBytes));
    writeFileSync(join(directory, `switch-${version}`), switchProgram(version, behaviour));
    return systemExpression(version, behaviour === 'wrong-system');
  });
  const file = join(directory, 'default.nix');
  const sharedPaths = shared.map((name) => `"\${./${name}}"`).join(' ');
  writeFileSync(file, `let shared = [ ${sharedPaths} ]; in [\n${expressions.join('')}]\n`);
  const evaluate = ['--eval', '--strict', '--json', '--read-write-mode', file];
  const described = JSON.parse(await home.runOk('nix-instantiate', evaluate)) as Described[];
  const registrations = described.map((system) => writeSystem(home, system));
  await home.runOk('nix-store', ['--register-validity'], { input: registrations.join('') });
  return described.map(({ version, path, drvPath }) => ({ version, path, drvPath }));
}

/** What Nix says of a system; `own` and `program` are what the derivation was given. */
interface Described {
  readonly version: string;
  readonly system: string;
  readonly path: string;
  readonly drvPath: string;
  readonly own: string;
  readonly program: string;
  readonly shared: readonly string[];
}

/**
 * What building it would make. Nix isn't asked to: here its builds would need this machine's programs, and those of other
 * systems than this machine's it refuses.
 * @returns what `nix-store --register-validity` is to be told.
 */
function writeSystem(home: NixHome, described: Described): string {
  const { version, system, path, drvPath, own, program, shared } = described;
  const out = home.realPath(path);
  mkdirSync(join(out, 'bin'), { recursive: true });
  writeFileSync(join(out, 'system'), system);
  writeFileSync(join(out, 'nixos-version'), `ferry-test-${version}`);
  symlinkSync(own, join(out, 'service'));
  for (const each of shared) symlinkSync(each, join(out, each.replace(/^.*-shared/, 'shared')));
  const text = readFileSync(home.realPath(program), 'utf8').replaceAll('@out@', path);
  writeFileSync(join(out, 'bin/switch-to-configuration'), text, { mode: 0o755 });
  const activate = `#!/bin/sh\nexec ${path}/bin/switch-to-configuration activate\n`;
  writeFileSync(join(out, 'activate'), activate, { mode: 0o755 });
  const references = [own, path, ...shared];
  return `${[path, drvPath, references.length, ...references].join('\n')}\n`;
}

/** What is active on the machine: empty where nothing is. */
export async function activeVersion(host: TestHost): Promise<string> {
  return await host.execOk(['sh', '-c', 'cat /run/current-version 2>/dev/null || :']);
}

/** `VERSION PROGRAM ACTION` of each call, in their order. */
export async function activationsOf(host: TestHost): Promise<string[]> {
  const said = await host.execOk(['sh', '-c', 'cat /var/log/activations 2>/dev/null || :']);
  return said.split('\n').filter((line) => line !== '');
}

function systemExpression(version: string, isForeign: boolean): string {
  const here = 'builtins.currentSystem';
  const system = isForeign
    ? `(if ${here} == "aarch64-linux" then "x86_64-linux" else "aarch64-linux")`
    : here;
  return `(let built = derivation {
  name = "system-${version}";
  system = ${system};
  builder = "/bin/sh";
  args = [ "-c" "exit 1" ];
  inherit shared;
  own = ./own-${version};
  program = ./switch-${version};
}; in {
  version = "${version}";
  inherit (built) system drvPath;
  path = built.outPath;
  own = "\${built.own}";
  program = "\${built.program}";
  inherit shared;
})
`;
}

function switchProgram(version: string, behaviour: Behaviour): string {
  return `#!/bin/sh
# Of a system for tests: makes version ${version} the active one.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
echo "${version} switch-to-configuration $1" >>/var/log/activations
case $1 in
  switch | test | activate) ;;
  boot)
    echo "${version} is for the next boot"
    exit 0
    ;;
  dry-activate)
    echo "would activate ${version}"
    exit 0
    ;;
  *)
    echo "what is '$1'?" >&2
    exit 1
    ;;
esac
echo "activating ${version}"
echo ${version} >/run/.current-version
mv /run/.current-version /run/current-version
ln -sfn @out@ /run/.current-system
mv -T /run/.current-system /run/current-system
# At boot nothing goes wrong: that is for whoever deploys.
[ "$1" = activate ] || {
  :
  ${MISCHIEF[behaviour]}
}
# What another version has taken away comes back.
ip link set eth0 up
start-sshd
echo "${version} is active"
`;
}

const MISCHIEF: Readonly<Record<Behaviour, string>> = {
  works: '',
  'wrong-system': '',
  fails: 'echo "unit service.service failed" >&2; exit 4',
  hangs: 'sleep 1000000',
  'ignores-term': `trap '' TERM HUP INT; while :; do sleep 1000000; done`,
  'cuts-network': 'ip link set eth0 down; exit 0',
  'kills-sshd': 'pkill -KILL -x sshd; rm -f /run/sshd.pid; exit 0',
};

/** Bytes that no compression makes smaller, the same for the same word. */
function noise(word: string, bytes: number): Uint8Array {
  const cipher = createCipheriv('aes-128-ctr', word.padEnd(16).slice(0, 16), new Uint8Array(16));
  return cipher.update(new Uint8Array(bytes));
}
