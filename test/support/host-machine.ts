/** One machine of `hosts.ts`: how it is reached, and what may happen to it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, statfsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  type FleetFiles,
  hostBinds,
  type HostRootOptions,
  hostUsr,
  type HostUser,
} from './host-root.ts';
import { isRunning, isStopped, waitUntil } from './processes.ts';
import { type Finished, run, runOk } from './run.ts';

export interface HostRunOptions {
  /** Default root. */
  readonly user?: HostUser | undefined;
  readonly input?: string | undefined;
  readonly timeoutMs?: number | undefined;
}

export interface TestHost {
  readonly name: string;
  readonly address: string;
  /** Its disk as this machine sees it: /nix, /etc, /home, /var. What it mounts itself (/run, /dev, /usr) isn't there. */
  readonly root: string;
  /** `ssh://root@NAME`, for ssh that knows the configuration of the fleet. */
  uri(user?: HostUser): string;
  /** Runs a program in it, whether or not it can be reached by ssh. */
  exec(argv: readonly string[], options?: HostRunOptions): Promise<Finished>;
  /** Its stdout without the last line end, where it must succeed. */
  execOk(argv: readonly string[], options?: HostRunOptions): Promise<string>;
  /** Somewhere on the way packets get lost; neither end is told. */
  cut(): Promise<void>;
  restore(): Promise<void>;
  /** It hangs: everything in it stops where it is, but connections stand. */
  stop(): Promise<void>;
  continue(): void;
  /** It has no power: all that ran is gone at once, and nobody is told. */
  kill(): Promise<void>;
  /** It is switched on: the same disk, a new boot id. */
  start(): Promise<void>;
  isRunning(): boolean;
  /** Processes in it, by their numbers here. */
  processes(): number[];
  /** Leaves so many bytes of its disk. */
  fill(leavingBytes: number): Promise<void>;
  /** What was filled is free again. */
  free(): void;
  /** What its sshd has logged. */
  log(): string;
}

export interface HostMachineOptions {
  readonly options: HostRootOptions & { readonly rate?: string | undefined };
  readonly files: FleetFiles;
  readonly root: string;
  readonly address: string;
  /** Its number in the fleet. */
  readonly at: number;
  /** The network namespace of the bridge, as a file. */
  readonly bridge: string;
  /** The PID namespace that ends with the fleet, as a file. */
  readonly processes: string;
}

const bootScript = fileURLToPath(new URL('host-boot.sh', import.meta.url));
const NAMESPACES = ['--mount', '--net', '--pid', '--ipc', '--uts'];
const BITS_PER_UNIT: Readonly<Record<string, number>> = { bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9 };
/** The kernel looks at a queue that often, at worst: what goes out between two looks must fit in a burst. */
const TICKS_PER_SECOND = 100;
const FILL_ATTEMPTS = 50;
const BURST_BYTES_MIN = 64 * 1024;

/** A machine that is switched off. */
export function makeHost(machine: HostMachineOptions): TestHost {
  const { options, root, address } = machine;
  const port = `host${machine.at}`;
  const filler = join(root, 'filler');
  /** Its process 1, by its number here. */
  let init: number | undefined;

  const link = async (...args: string[]): Promise<void> => {
    await runOk('nsenter', [`--net=${machine.bridge}`, 'ip', 'link', ...args]);
  };
  const running = (): number => {
    if (init === undefined || !isRunning(init)) throw new Error(`${options.name} is off`);
    return init;
  };
  const exec: TestHost['exec'] = (argv, { user = 'root', input, timeoutMs } = {}) => {
    const identity = ['--reuid', user, '--regid', user === 'root' ? 'root' : 'users'];
    const enter = ['--target', String(running()), ...NAMESPACES, '--root', '--wd', '--'];
    const become = ['/usr/bin/setpriv', ...identity, '--init-groups', '--reset-env', '--'];
    return run('nsenter', [...enter, ...become, ...argv], { input, timeoutMs });
  };

  return {
    name: options.name,
    address,
    root,
    uri: (user = 'root') => `ssh://${user}@${options.name}`,
    exec,
    execOk: async (argv, given) => {
      const { status, stdout, stderr } = await exec(argv, given);
      if (status === 0) return stdout.replace(/\n$/, '');
      throw new Error(`"${argv.join(' ')}" on ${options.name} ended with ${status}:\n${stderr}`);
    },
    cut: () => link('set', port, 'nomaster'),
    restore: () => link('set', port, 'master', 'hosts'),
    stop: async () => {
      const pid = running();
      // What one of them starts meanwhile is found the next time round.
      await waitUntil(`${options.name} to stop`, () => {
        signalAll(pid, 'SIGSTOP');
        return processesOf(pid).every(isStopped);
      });
    },
    continue: () => signalAll(running(), 'SIGCONT'),
    kill: async () => {
      const pid = running();
      // Before its processes end: nothing that they say in dying gets out.
      await link('del', port);
      process.kill(pid, 'SIGKILL');
      await waitUntil(`the end of ${options.name}`, () => !isRunning(pid));
      init = undefined;
    },
    start: async () => {
      if (init !== undefined && isRunning(init)) throw new Error(`${options.name} is on`);
      init = await boot(machine, port);
    },
    isRunning: () => init !== undefined && isRunning(init),
    processes: () => processesOf(running()),
    fill: async (leavingBytes) => {
      rmSync(filler, { force: true });
      // Whoever writes there meanwhile makes what was free a moment ago too much.
      for (let attempt = 1; ; attempt += 1) {
        const { bavail, bsize } = statfsSync(root);
        const bytes = bavail * bsize - leavingBytes;
        if (bytes <= 0) return;
        const { status, stderr } = await run('fallocate', ['-l', String(bytes), filler]);
        if (status === 0) return;
        if (attempt === FILL_ATTEMPTS) throw new Error(`cannot fill ${options.name}: ${stderr}`);
      }
    },
    free: () => rmSync(filler, { force: true }),
    log: () => {
      const file = join(root, 'var/log/sshd');
      return existsSync(file) ? readFileSync(file, 'utf8') : '';
    },
  };
}

async function boot(machine: HostMachineOptions, port: string): Promise<number> {
  const { options, files, root, address, at, bridge, processes } = machine;
  const child = spawn(
    'nsenter',
    [`--pid=${processes}`, 'unshare', ...NAMESPACES, '--fork', '--kill-child', 'bash', bootScript],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      // ^C at a terminal is none of its business.
      detached: true,
      env: {
        PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
        HOST_ROOT: root,
        HOST_USR: hostUsr(files, options).join(':'),
        HOST_BINDS: hostBinds(options.runs).join('\n'),
        HOST_NAME: options.name,
        HOST_MAC: `02:fe:00:00:00:${at.toString(16).padStart(2, '0')}`,
        HOST_ADDRESS: `${address}/24`,
        HOST_PORT: port,
        HOST_BRIDGE: bridge,
        HOST_CGROUP: options.init === 'systemd' ? controlGroupOf(root) : '',
        ...limitOf(options.rate),
      },
    },
  );
  let said = '';
  child.stderr.on('data', (bytes) => (said += String(bytes)));
  const ended = once(child, 'exit').then(() => undefined);
  const up = createInterface({ input: child.stdout });
  const line = await Promise.race([once(up, 'line'), ended]);
  up.close();
  // Whatever still runs in there has no hold on this process.
  child.stdout.destroy();
  child.stderr.destroy();
  child.unref();
  const pid = /^up (\d+)$/.exec(String(line?.[0]))?.[1];
  if (pid === undefined) {
    const log = join(root, 'var/log/boot');
    const more = existsSync(log) ? readFileSync(log, 'utf8') : '';
    throw new Error(`cannot start ${options.name}: ${said}${more}`);
  }
  return Number(pid);
}

/** `host-fleet.sh` removes it. */
function controlGroupOf(root: string): string {
  const mount = cgroup2Mount();
  if (mount === undefined) throw new Error('no cgroup2 file system is mounted here');
  return join(mount, basename(dirname(root)), basename(root));
}

/** Where this machine has control groups of version 2, whatever it uses them for. */
export function cgroup2Mount(): string | undefined {
  return /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/self/mounts', 'utf8'))?.[1];
}

function limitOf(rate: string | undefined): Record<string, string> {
  if (rate === undefined) return { HOST_RATE: '', HOST_BURST: '' };
  const [, number, unit = ''] = /^(\d+)([a-z]+)$/.exec(rate) ?? [];
  const bits = Number(number) * (BITS_PER_UNIT[unit] ?? NaN);
  if (Number.isNaN(bits)) throw new Error(`"${rate}" is no rate`);
  const burst = Math.max(BURST_BYTES_MIN, Math.ceil(bits / 8 / TICKS_PER_SECOND));
  return { HOST_RATE: rate, HOST_BURST: String(burst) };
}

function signalAll(init: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
  for (const pid of processesOf(init)) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has just ended.
    }
  }
}

function processesOf(init: number): number[] {
  const namespace = namespaceOf(init);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => namespace !== undefined && namespaceOf(pid) === namespace);
}

function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}
