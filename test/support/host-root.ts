/**
 * What a machine of `hosts.ts` has on its disk when it is new: users, their keys and rights, the configuration of sshd,
 * sudo, doas and Nix, and links to the programs it runs. Its /usr is this machine's, with sudo and doas laid over it.
 */
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNix, type NixVersion, peersDirectory } from './peers.ts';
import { runOk } from './run.ts';

/** A plain Nix of that release, or ferry and no program of Nix. */
export type HostSystem = `nix-${NixVersion}` | 'ferry';

/**
 * Who may log in, besides root: all with the fleet's key but `erin`.
 * `alice` and `erin`: sudo with their password. `bob`: sudo without one. `carol`: doas without a password. `frank`: doas
 * with it. `dave`: neither. `erin`: only with her password, also to log in.
 */
export const hostUsers: readonly ['alice', 'bob', 'carol', 'dave', 'erin', 'frank'] = [
  'alice',
  'bob',
  'carol',
  'dave',
  'erin',
  'frank',
];
export type HostUser = 'root' | (typeof hostUsers)[number];

/** Of every user but root, who has none. A shell would make something else of it. */
export const hostPassword = 'it\'s "$HOME" & co';

export interface HostRootOptions {
  readonly name: string;
  readonly runs: HostSystem;
  /** Default true, as is Nix's. */
  readonly requireSigs?: boolean | undefined;
  /** What there is to become root with. Default both. */
  readonly has?: readonly ('sudo' | 'doas')[] | undefined;
  /** Whether a daemon of Nix answers users who aren't root; of no meaning where ferry runs. Default true. */
  readonly daemon?: boolean | undefined;
  /** Process 1: something that does nothing, or this machine's systemd. Default `plain`. */
  readonly init?: 'plain' | 'systemd' | undefined;
  /** Lines of nix.conf besides the usual, or instead of them. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

export interface FleetFiles {
  /** Where the layers of /usr and the keys are. */
  readonly directory: string;
  /** Addresses by name, of all machines. */
  readonly addresses: ReadonlyMap<string, string>;
}

const checkout = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Of directories and files that belong to the user. */
const FIRST_UID = 1001;
const NIX_PROGRAMS = /^nix(-|$)/;

/** Directories of this machine that it sees where they are here. */
export function hostBinds(runs: HostSystem): string[] {
  const program = runs === 'ferry' ? checkout : join(peersDirectory(), runs);
  return ['/etc/alternatives', program].filter((path) => existsSync(path));
}

/** The directories that its /usr is made of, the uppermost first. */
export function hostUsr(fleet: FleetFiles, options: HostRootOptions): string[] {
  const { has = ['sudo', 'doas'] } = options;
  const layers = [...has, 'hidden'].map((name) => join(fleet.directory, 'layers', name));
  // Whatever library sudo needs and this machine lacks comes from below.
  return [...layers, '/usr', join(peersDirectory(), 'sudo/root/usr')];
}

/** What all machines share: keys, and what is laid over /usr. */
export async function writeFleetFiles(directory: string): Promise<void> {
  const layers = join(directory, 'layers');
  const sudo = join(peersDirectory(), 'sudo/root/usr');
  for (const [layer, paths] of [
    ['sudo', ['bin/sudo', 'libexec/sudo']],
    ['doas', ['bin/doas']],
  ] as const) {
    for (const path of paths) {
      const to = join(layers, layer, path);
      mkdirSync(dirname(to), { recursive: true });
      cpSync(join(sudo, path), to, { recursive: true, verbatimSymlinks: true });
    }
    await runOk('chown', ['-R', '-h', '0:0', join(layers, layer)]);
    chmodSync(join(layers, layer, `bin/${layer}`), 0o4755);
  }
  await hide(join(layers, 'hidden/bin'));
  for (const name of ['host_key', 'identity']) {
    await runOk('ssh-keygen', [
      '-q',
      '-t',
      'ed25519',
      '-N',
      '',
      '-C',
      name,
      '-f',
      join(directory, name),
    ]);
  }
}

/** What this machine may have installed, and its own say about who is root; for overlayfs such a device means "no". */
async function hide(directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const names = readdirSync('/usr/bin').filter((name) => NIX_PROGRAMS.test(name));
  for (const name of ['sudo', 'doas', ...names])
    await runOk('mknod', [join(directory, name), 'c', '0', '0']);
}

/** Fills the empty directory `root`. */
export function writeHostRoot(root: string, options: HostRootOptions, fleet: FleetFiles): void {
  for (const name of ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32']) {
    if (existsSync(`/${name}`)) symlinkSync(`usr/${name}`, join(root, name));
  }
  for (const name of ['etc', 'home', 'nix', 'var/log', 'var/lib', 'var/tmp', 'var/local']) {
    mkdirSync(join(root, name), { recursive: true });
  }
  mkdirSync(join(root, 'root'), { mode: 0o700 });
  mkdirSync(join(root, 'nix/store'), { mode: 0o775 });
  for (const name of ['tmp', 'var/tmp']) {
    mkdirSync(join(root, name), { recursive: true });
    chmodSync(join(root, name), 0o1777);
  }
  symlinkSync('../run', join(root, 'var/run'));
  writeUsers(root, readFileSync(join(fleet.directory, 'identity.pub'), 'utf8'));
  writeConfiguration(root, options, fleet);
  writePrograms(root, options);
}

function writeUsers(root: string, publicKey: string): void {
  const passwd = [
    'root:x:0:0::/root:/bin/bash',
    'sshd:x:101:65534::/run/sshd:/usr/sbin/nologin',
    'messagebus:x:102:102::/:/usr/sbin/nologin',
  ];
  const shadow = ['root:*:19000:0:99999:7:::', 'sshd:!:19000:0:99999:7:::'];
  const group = ['root:x:0:', 'tty:x:5:', 'users:x:100:', 'messagebus:x:102:', 'nogroup:x:65534:'];
  giveKey(join(root, 'root'), 0, publicKey);
  for (const [at, name] of hostUsers.entries()) {
    const uid = FIRST_UID + at;
    const home = join(root, 'home', name);
    passwd.push(`${name}:x:${uid}:100::/home/${name}:/bin/bash`);
    shadow.push(`${name}:${PASSWORD_HASH}:19000:0:99999:7:::`);
    mkdirSync(home, { mode: 0o700 });
    chownSync(home, uid, 100);
    if (name !== 'erin') giveKey(home, uid, publicKey);
  }
  write(root, 'etc/passwd', passwd.join('\n'));
  write(root, 'etc/shadow', shadow.join('\n'), 0o600);
  write(root, 'etc/group', group.join('\n'));
}

function giveKey(home: string, uid: number, publicKey: string): void {
  const ssh = join(home, '.ssh');
  mkdirSync(ssh, { mode: 0o700 });
  writeFileSync(join(ssh, 'authorized_keys'), publicKey, { mode: 0o600 });
  for (const path of [ssh, join(ssh, 'authorized_keys')]) chownSync(path, uid, uid === 0 ? 0 : 100);
}

function writeConfiguration(root: string, options: HostRootOptions, fleet: FleetFiles): void {
  const hosts = [...fleet.addresses].map(([name, address]) => `${address} ${name}`);
  write(root, 'etc/hosts', ['127.0.0.1 localhost', ...hosts].join('\n'));
  write(root, 'etc/nsswitch.conf', 'passwd: files\ngroup: files\nshadow: files\nhosts: files');
  write(root, 'etc/os-release', `ID=ferry-test\nPRETTY_NAME="${options.name}, for tests"`);
  write(root, 'etc/machine-id', options.name.padEnd(32, '0').replaceAll(/[^0-9a-f]/g, '0'));
  for (const name of ['ld.so.cache', 'ld.so.conf', 'ld.so.conf.d']) {
    if (existsSync(`/etc/${name}`)) {
      cpSync(`/etc/${name}`, join(root, 'etc', name), { recursive: true, dereference: true });
    }
  }
  const pam =
    'auth required pam_unix.so nodelay\naccount required pam_unix.so\nsession required pam_permit.so';
  for (const name of ['sudo', 'sudo-i', 'doas', 'other']) write(root, `etc/pam.d/${name}`, pam);
  write(
    root,
    'etc/sudoers',
    `Defaults secure_path="${PATH}", lecture=never, env_reset, passwd_tries=3
root ALL=(ALL:ALL) ALL
alice ALL=(ALL:ALL) ALL
erin ALL=(ALL:ALL) ALL
bob ALL=(ALL:ALL) NOPASSWD: ALL`,
    0o440,
  );
  write(
    root,
    'etc/doas.conf',
    'permit nopass root\npermit nopass carol as root\npermit frank as root',
    0o400,
  );
  write(root, 'etc/nix/nix.conf', nixConf(options));
  const keys = join(root, 'etc/ssh/host_key');
  mkdirSync(dirname(keys), { recursive: true });
  writeFileSync(keys, readFileSync(join(fleet.directory, 'host_key')), { mode: 0o600 });
  write(root, 'etc/ssh/sshd_config', SSHD_CONFIG);
}

function nixConf(options: HostRootOptions): string {
  const settings = {
    'experimental-features': 'nix-command flakes',
    'build-users-group': '',
    substituters: '',
    sandbox: 'false',
    'flake-registry': '',
    'require-sigs': String(options.requireSigs ?? true),
    ...options.settings,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${value}`)
    .join('\n');
}

function writePrograms(root: string, options: HostRootOptions): void {
  const bin = join(root, 'var/local/bin');
  mkdirSync(bin, { recursive: true });
  if (options.runs === 'ferry') {
    symlinkSync(join(checkout, 'bin/ferry'), join(bin, 'ferry'));
  } else {
    const { binDir } = nixOf(options.runs);
    for (const name of readdirSync(binDir).filter((file) => !file.startsWith('.'))) {
      if (name === 'nix-daemon' && options.daemon === false) continue;
      symlinkSync(join(binDir, name), join(bin, name));
    }
  }
  // Boot and activations call it, perhaps at the same time: it starts one where there is none.
  const start = `#!/bin/sh
mkdir -p /run/sshd
exec 9>/run/sshd/lock
flock 9
grep -qx sshd "/proc/$(cat /run/sshd.pid 2>/dev/null)/comm" 2>/dev/null && exit
rm -f /run/sshd.pid
/usr/sbin/sshd -f /etc/ssh/sshd_config -E /var/log/sshd 9>&- || exit
for nap in $(seq 1000); do
  [ ! -s /run/sshd.pid ] || exit 0
  sleep 0.01
done
echo "sshd does not listen" >&2
exit 1`;
  write(root, 'var/local/sbin/start-sshd', start, 0o755);
  // The kernel says that somebody listens, which is a moment after there is a socket.
  const wait = `#!/bin/sh
until grep -q ' 00010000 .* /nix/var/nix/daemon-socket/socket$' /proc/net/unix; do sleep 0.01; done`;
  write(root, 'var/local/sbin/wait-for-daemon', wait, 0o755);
  // What process 1 goes on with. As NixOS does, it makes live again what the profile has.
  const boot = `#!/bin/bash
exec 3>&1 >>/var/log/boot 2>&1 </dev/null
start-sshd 3>&-
[ ! -e /usr/local/bin/nix-daemon ] || { nix-daemon 3>&- & wait-for-daemon; }
system=/nix/var/nix/profiles/system
[ ! -x "$system/activate" ] || timeout 10 "$system/activate" 3>&-
echo "up $HOST_PID" >&3
exec 3>&-
while :; do sleep infinity & wait "$!"; done`;
  write(root, 'var/local/sbin/boot', boot, 0o755);
  if (options.init === 'systemd') writeUnits(root);
}

const AFTER: ReadonlyMap<string, string> = new Map([
  ['activate-at-boot', 'After=sshd.service'],
  ['up', 'After=sshd.service nix-daemon.service activate-at-boot.service'],
]);

/** As few as services and transient units need; no other unit is known there. */
function writeUnits(root: string): void {
  const targets = ['sysinit', 'basic', 'sockets', 'timers', 'paths', 'shutdown', 'umount', 'final'];
  for (const name of targets) write(root, `etc/systemd/units/${name}.target`, '[Unit]');
  const services = {
    sshd: 'Type=forking\nPIDFile=/run/sshd.pid\nExecStart=/usr/local/sbin/start-sshd\nKillMode=process',
    'nix-daemon': `ExecCondition=/usr/bin/test -x /usr/local/bin/nix-daemon
ExecStart=/usr/local/bin/nix-daemon
ExecStartPost=/usr/local/sbin/wait-for-daemon`,
    'activate-at-boot': `Type=oneshot
ExecCondition=/usr/bin/test -x /nix/var/nix/profiles/system/activate
ExecStart=/nix/var/nix/profiles/system/activate
TimeoutStartSec=10`,
    dbus: `ExecCondition=/usr/bin/test -x /usr/bin/dbus-daemon
ExecStart=/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation`,
    up: 'Type=oneshot\nExecStart=/usr/bin/touch /var/log/up',
  };
  for (const [name, lines] of Object.entries(services)) {
    const after = AFTER.get(name) ?? '';
    write(root, `etc/systemd/units/${name}.service`, `[Unit]\n${after}\n[Service]\n${lines}`);
  }
  const wants = [...Object.keys(services).map((name) => `${name}.service`), 'dbus.socket'];
  const target = `[Unit]\nWants=${wants.join(' ')}`;
  write(root, 'etc/systemd/units/default.target', target);
  const socket = '[Socket]\nListenStream=/run/dbus/system_bus_socket';
  write(root, 'etc/systemd/units/dbus.socket', socket);
  write(root, 'etc/systemd/system.conf', SYSTEMD_CONFIG);
}

function nixOf(runs: `nix-${NixVersion}`): { readonly binDir: string } {
  const version = (['2.8', '2.26', '2.34'] as const).find((each) => runs === `nix-${each}`);
  const nix = version === undefined ? undefined : findNix(version);
  if (nix === undefined) throw new Error(`no ${runs} here; scripts/peers.sh makes it`);
  return nix;
}

function write(root: string, path: string, text: string, mode = 0o644): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${text}\n`);
  chmodSync(file, mode);
}

const SSHD_CONFIG = `Port 22
AddressFamily inet
HostKey /etc/ssh/host_key
PidFile /run/sshd.pid
StrictModes yes
UsePAM no
PasswordAuthentication yes
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
UseDNS no
LogLevel VERBOSE
MaxStartups 100
MaxSessions 100
MaxAuthTries 6
AcceptEnv NIX_* FERRY_* LANG
Subsystem sftp internal-sftp`;

/** There is no journal. */
const SYSTEMD_CONFIG = `[Manager]
LogTarget=console
LogLevel=notice
LogColor=no
ShowStatus=no
DefaultEnvironment=PATH=${PATH}
DefaultStandardOutput=null
DefaultStandardError=null
DefaultTimeoutStopSec=5s`;

/** `hostPassword`, by `openssl passwd -6`. */
const PASSWORD_HASH =
  '$6$ferryferry$ndZiWKISVHnyb8vO7VNVUH1C7AqRQTErnvHhWGLQkkt.vuUjnIWVRxJTltZ3H3haUHx7s9T1SY8WO9kNm7x7Q1';
