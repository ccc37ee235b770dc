/** A throwaway OpenSSH server on loopback, with keys of its own and no say from the machine's configuration. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type FarProgram, writeFarProgram } from './far-program.ts';
import { findProgram } from './peers.ts';
import { childrenOf, findByEnvironment, findProcesses } from './processes.ts';
import { runOk } from './run.ts';

export interface SshdOptions {
  /** An existing directory for its keys, configuration and programs; the caller removes it. */
  readonly dir: string;
  readonly address?: string;
  /** A free one where absent. */
  readonly port?: number;
  /** Variables of every session; provided programs stay first on its PATH. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Sshd extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  /** The name that `sshConfig` gives it: `ssh://far`. */
  readonly host: 'far';
  /** A client configuration that knows this server, its key and the identity to log in with. */
  readonly sshConfig: string;
  /** For NIX_SSHOPTS: no quoting needed. */
  readonly sshOptions: string;
  /** The same server reached through a relay on this port. */
  sshOptionsVia(port: number): string;
  /** Puts a program first on the PATH of every session from now on: whatever should answer as `nix-store`. */
  provide(name: string, far: FarProgram): void;
  /** Whether nothing of any connection is left: no client with `sshConfig`, no session, no program of one. */
  isIdle(): boolean;
  /** The programs that sessions run. */
  sessionPrograms(): number[];
  /** What the server has logged, for messages of failed tests. */
  log(): string;
}

const ATTEMPTS = 5;
/** A variable of every session, by which its programs are found whatever they do with the others. */
const SESSION_MARK = 'TEST_SSHD';

/** Use as `await using sshd = await startSshd({ dir })`. */
export async function startSshd(options: SshdOptions): Promise<Sshd> {
  const { dir, address = '127.0.0.1' } = options;
  await makeKeys(dir);
  // Between finding a free port and listening on it another program may take it.
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await findFreePort(address));
    writeConfiguration(dir, address, port, options.env ?? {});
    const server = await listen(dir);
    if ('child' in server) return describe(dir, address, port, server);
    if (attempt === ATTEMPTS || options.port !== undefined) {
      throw new Error(`cannot start sshd: ${server.log}`);
    }
  }
}

interface Listening {
  readonly child: ChildProcess;
  readonly lines: string[];
}

function describe(dir: string, address: string, port: number, { child, lines }: Listening): Sshd {
  const sshConfig = join(dir, 'ssh_config');
  const sshOptions = `-F ${sshConfig}`;
  const sessionPrograms = (): number[] => findByEnvironment(`${SESSION_MARK}=${dir}\0`);
  return {
    address,
    port,
    host: 'far',
    sshConfig,
    sshOptions,
    sshOptionsVia: (through) => `${sshOptions} -p ${through}`,
    provide: (name, far) => writeFarProgram(join(dir, 'bin', name), far),
    isIdle: () =>
      findProcesses(sshConfig).length === 0 &&
      (child.pid === undefined || childrenOf(child.pid).length === 0) &&
      sessionPrograms().length === 0,
    sessionPrograms,
    log: () => lines.join('\n'),
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
      // A session that outlives the server would hold this pipe, and with it the test.
      child.stderr?.destroy();
    },
  };
}

/** Resolves when it accepts connections, or with its log when it ended instead. */
async function listen(dir: string): Promise<Listening | { readonly log: string }> {
  const sshd = findProgram('sshd');
  if (sshd === undefined) throw new Error('no sshd on this machine; scripts/peers.sh installs it');
  // Root's sshd insists on this directory, which only its service would make.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
  const child = spawn(sshd, ['-D', '-e', '-f', join(dir, 'sshd_config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  });
  const lines: string[] = [];
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line);
      if (line.startsWith('Server listening on ')) resolve({ child, lines });
    });
    child.once('close', () => resolve({ log: lines.join('\n') }));
  });
}

async function makeKeys(dir: string): Promise<void> {
  const keygen = findProgram('ssh-keygen');
  if (keygen === undefined) throw new Error('no ssh-keygen on this machine');
  for (const name of ['host_key', 'identity']) {
    await runOk(keygen, ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(dir, name)]);
  }
}

async function findFreePort(address: string): Promise<number> {
  const probe = createServer().listen(0, address);
  await once(probe, 'listening');
  const bound = probe.address();
  probe.close();
  await once(probe, 'close');
  if (bound === null || typeof bound === 'string') throw new Error('a TCP server has a port');
  return bound.port;
}

function writeConfiguration(
  dir: string,
  address: string,
  port: number,
  env: Readonly<Record<string, string>>,
): void {
  const bin = join(dir, 'bin');
  const home = join(dir, 'home');
  for (const made of [bin, home]) mkdirSync(made, { recursive: true });
  const publicKey = (name: string): string => readFileSync(join(dir, `${name}.pub`), 'utf8');
  writeFileSync(join(dir, 'authorized_keys'), publicKey('identity'), { mode: 0o600 });
  writeFileSync(join(dir, 'known_hosts'), `far ${publicKey('host_key')}`);
  // HOME keeps the shell of a session away from the user's start-up files.
  const session = {
    HOME: home,
    [SESSION_MARK]: dir,
    ...env,
    PATH: `${bin}:${env['PATH'] ?? '/usr/bin:/bin'}`,
  };
  const setEnv = Object.entries(session).map(([name, value]) => `"${name}=${value}"`);
  writeFileSync(
    join(dir, 'sshd_config'),
    `Port ${port}
ListenAddress ${address}
HostKey ${join(dir, 'host_key')}
PidFile none
AuthorizedKeysFile ${join(dir, 'authorized_keys')}
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
UseDNS no
MaxStartups 100
MaxSessions 100
AcceptEnv NIX_* FERRY_* LANG
SetEnv ${setEnv.join(' ')}
`,
  );
  writeFileSync(
    join(dir, 'ssh_config'),
    `Host far
  HostName ${address}
  Port ${port}
  HostKeyAlias far
  User ${userInfo().username}
  IdentityFile ${join(dir, 'identity')}
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile ${join(dir, 'known_hosts')}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
  ControlPath none
  LogLevel ERROR
`,
  );
}
