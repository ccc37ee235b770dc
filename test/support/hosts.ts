/**
 * Machines for tests: each with a network, processes, users and a root directory of its own, an sshd, and a plain Nix
 * or ferry. They are namespaces of this machine, so a fleet of them starts in a second or two, and can be switched
 * off, cut off, stopped and filled. Root only; `hostsLack` tells what keeps it from working here.
 *
 * Everything belongs to one process (`host-fleet.sh`) that ends, and takes away all of it, when this one does.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { cgroup2Mount, makeHost, type TestHost } from './host-machine.ts';
import { type HostRootOptions, writeFleetFiles, writeHostRoot } from './host-root.ts';
import { findProgram, peersDirectory } from './peers.ts';
import { runOk } from './run.ts';
import { ramDirectory, removeTree } from './temp.ts';

export type { TestHost } from './host-machine.ts';
export { hostPassword, hostUsers, type HostSystem, type HostUser } from './host-root.ts';

export interface HostOptions extends HostRootOptions {
  /** What its link carries in each direction, as `tc` reads it: `200mbit`. Without it there is no limit. */
  readonly rate?: string | undefined;
  /** How large its disk is, which is in memory: the store, and little else. Default 2 GiB. */
  readonly storeBytes?: number | undefined;
}

export interface HostsOptions {
  /** At most 200. */
  readonly hosts: readonly HostOptions[];
}

export interface HostFleet extends AsyncDisposable {
  readonly hosts: readonly TestHost[];
  host(name: string): TestHost;
  /** A client configuration that knows all machines, by name and by address, and the identity to log in with. */
  readonly sshConfig: string;
  /** For NIX_SSHOPTS: no quoting needed. */
  readonly sshOptions: string;
  /** The key that `authorized_keys` of all users but erin has. */
  readonly identity: string;
  /** The address of this machine in their network. */
  readonly address: string;
}

const DISK_BYTES = 2 * 1024 ** 3;
const FIRST_ADDRESS = 11;

/** Use as `await using fleet = await startHosts({ hosts: [{ name: 'h1', runs: 'nix-2.34' }] })`. */
export async function startHosts(options: HostsOptions): Promise<HostFleet> {
  const directory = mkdtempSync(join(realpathSync(ramDirectory()), 'ferry-hosts-'));
  const network = await startNetwork(directory);
  try {
    const addresses = new Map(
      options.hosts.map(({ name }, at) => [name, `${network.prefix}.${FIRST_ADDRESS + at}`]),
    );
    const files = { directory, addresses };
    await writeFleetFiles(directory);
    const config = writeSshConfig(directory, addresses);
    const hosts = await allOrFirstError(
      options.hosts.map(async (host, at) => {
        const root = join(directory, host.name);
        mkdirSync(root);
        const size = `size=${host.storeBytes ?? DISK_BYTES},mode=755`;
        await runOk('mount', ['-t', 'tmpfs', '-o', size, 'tmpfs', root]);
        writeHostRoot(root, host, files);
        const address = addresses.get(host.name) ?? '';
        const { bridge, processes } = network;
        const made = makeHost({ options: host, files, root, address, at, bridge, processes });
        await made.start();
        return made;
      }),
    );
    return {
      hosts,
      host: (name) => {
        const found = hosts.find((host) => host.name === name);
        if (found === undefined) throw new Error(`no machine is called "${name}"`);
        return found;
      },
      sshConfig: config,
      sshOptions: `-F ${config}`,
      identity: join(directory, 'identity'),
      address: `${network.prefix}.1`,
      [Symbol.asyncDispose]: () => network.end(),
    };
  } catch (error) {
    await network.end();
    throw error;
  }
}

/** Waits for all, so that none goes on making what is being taken away. */
async function allOrFirstError<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return await Promise.all(promises);
}

interface Network {
  /** The network namespace of the bridge, and the PID namespace of all: as files. */
  readonly bridge: string;
  readonly processes: string;
  /** Of the addresses: `198.18.0`. */
  readonly prefix: string;
  end(): Promise<void>;
}

async function startNetwork(directory: string): Promise<Network> {
  const script = fileURLToPath(new URL('host-fleet.sh', import.meta.url));
  const child = spawn('bash', [script, directory], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  });
  const ended = once(child, 'exit').then(() => undefined);
  let said = '';
  child.stderr.on('data', (bytes) => (said += String(bytes)));
  const end = async (): Promise<void> => {
    child.stdin.end();
    await ended;
    // It does this itself, but where it couldn't even start.
    removeTree(directory);
  };
  const lines = createInterface({ input: child.stdout });
  const line = await Promise.race([once(lines, 'line'), ended]);
  const [, pid, number] = /^ready (\d+) (\d+)$/.exec(String(line?.[0])) ?? [];
  if (pid === undefined) {
    await end();
    throw new Error(`cannot make a network for machines: ${said}`);
  }
  return {
    bridge: `/proc/${pid}/ns/net`,
    processes: `/proc/${pid}/ns/pid`,
    prefix: `198.18.${number}`,
    end,
  };
}

function writeSshConfig(directory: string, addresses: ReadonlyMap<string, string>): string {
  const file = join(directory, 'ssh_config');
  const hostKey = readFileSync(join(directory, 'host_key.pub'), 'utf8');
  writeFileSync(join(directory, 'known_hosts'), `fleet ${hostKey}`);
  const hosts = [...addresses].map(([name, address]) => `Host ${name}\n  HostName ${address}\n`);
  writeFileSync(
    file,
    `${hosts.join('')}
Match user erin
  BatchMode no
  PubkeyAuthentication no
Match all
  BatchMode yes
  HostKeyAlias fleet
  IdentityFile ${join(directory, 'identity')}
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile ${join(directory, 'known_hosts')}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  ControlPath none
  LogLevel ERROR
`,
  );
  return file;
}

/** What keeps machines from being made here, in words; for `lacks` of `peerTest`. `init` as one of them asks for it. */
export function hostsLack(init: 'plain' | 'systemd' = 'plain'): string[] {
  const programs = ['ip', 'tc', 'nsenter', 'unshare', 'sshd', 'ssh-keygen', 'setpriv'];
  const lacks = programs.filter((program) => findProgram(program) === undefined);
  if (!existsSync(join(peersDirectory(), 'sudo/stamp'))) lacks.push('sudo and doas to unpack');
  if (init === 'systemd') {
    if (!existsSync('/lib/systemd/systemd')) lacks.push('systemd');
    if (cgroup2Mount() === undefined) lacks.push('a file system of control groups');
  }
  if (process.getuid?.() !== 0) return [...lacks, 'root, for machines in namespaces'];
  namespaces ??= spawnSync('unshare', [...NAMESPACES, 'bash', '-c', TRIAL]).status;
  if (namespaces !== 0) lacks.push('leave to make namespaces and mounts');
  return lacks;
}

let namespaces: number | null | undefined;

const NAMESPACES = ['--mount', '--net', '--pid', '--ipc', '--uts', '--fork'];
const TRIAL = `set -e
mount -t tmpfs tmpfs /tmp
mkdir /tmp/a
mount -t overlay overlay -o lowerdir=/tmp/a:/usr /mnt
ip link add trial0 type bridge
ip link add trial1 type veth peer name trial2
tc qdisc add dev trial1 root tbf rate 1mbit burst 64kb latency 50ms`;
