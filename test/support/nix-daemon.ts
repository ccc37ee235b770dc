/** A real nix-daemon on a socket of its own, for the store of a home. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NixHome } from './nix-home.ts';
import { waitUntil } from './processes.ts';

export interface NixDaemon extends AsyncDisposable {
  readonly pid: number;
  /** As `unix://SOCKET?root=ROOT`: with a daemon on this machine the trees lie on this machine. */
  readonly uri: string;
  readonly socket: string;
}

/** Flags of a socket that somebody listens on, as Linux prints them. */
const ACCEPTS = '00010000';

/** Use as `await using daemon = await startNixDaemon(home)`; the home's settings say whom it trusts. */
export async function startNixDaemon(home: NixHome): Promise<NixDaemon> {
  // Short: the name of a socket has to fit into 108 bytes.
  const socket = join(home.path, 's');
  const child = spawn(home.peer.program('nix-daemon'), [], {
    env: { ...home.env, NIX_DAEMON_SOCKET_PATH: socket },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = once(child, 'exit');
  await waitUntil(`nix-daemon: ${said}`, () => child.exitCode !== null || listens(socket));
  if (child.exitCode !== null) throw new Error(`nix-daemon ended: ${said}`);
  return {
    pid: child.pid ?? 0,
    uri: `unix://${socket}?root=${home.root}`,
    socket,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await ended;
      child.stderr.destroy();
    },
  };
}

/** The file is there a moment before anybody listens, and a connection to find out would be one that the daemon serves. */
function listens(socket: string): boolean {
  const lines = readFileSync('/proc/net/unix', 'utf8').split('\n');
  return lines.some((line) => line.endsWith(` ${socket}`) && line.split(' ')[3] === ACCEPTS);
}
