/** A real nginx over a directory, on loopback: static files, uploads by PUT, TLS, HTTP/2, whatever directives say. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Certificate } from './certificates.ts';
import { findProgram } from './peers.ts';

export interface NginxOptions {
  /** Its own, to be removed by the caller; `root/` in it is what is served. */
  readonly directory: string;
  readonly tls?: Certificate;
  readonly http2?: boolean;
  /** Of the location, one for each line. */
  readonly directives?: readonly string[];
}

export interface Nginx extends AsyncDisposable {
  readonly origin: string;
  readonly port: number;
  readonly root: string;
}

const START_MS = 10_000;

/** Use as `await using nginx = await startNginx({ directory })`. */
export async function startNginx(options: NginxOptions): Promise<Nginx> {
  const { directory, tls, http2 = false, directives = [] } = options;
  const program = findProgram('nginx');
  if (program === undefined) throw new Error('no nginx here');
  const root = join(directory, 'root');
  for (const name of [root, join(directory, 'temp')])
    mkdirSync(name, { recursive: true, mode: 0o777 });
  const port = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const listen = `listen 127.0.0.1:${port}${tls === undefined ? '' : ' ssl'}${http2 ? ' http2' : ''};`;
  if (tls !== undefined) {
    writeFileSync(join(directory, 'server.pem'), tls.cert);
    writeFileSync(join(directory, 'server.key'), tls.key);
  }
  const lines = [
    'daemon off;',
    `user ${process.getuid?.() === 0 ? 'root' : 'nobody'};`,
    'worker_processes 1;',
    `pid ${directory}/pid;`,
    `error_log ${directory}/error.log;`,
    'events {}',
    'http {',
    'access_log off;',
    ...temporary.map((name) => `${name}_temp_path ${directory}/temp/${name};`),
    'server {',
    listen,
    ...(tls === undefined
      ? []
      : ['ssl_certificate server.pem;', 'ssl_certificate_key server.key;']),
    'client_max_body_size 0;',
    `location / { root ${root};`,
    ...directives,
    '} } }',
  ];
  const file = join(directory, 'nginx.conf');
  writeFileSync(file, `${lines.join('\n')}\n`);
  const child = spawn(program, ['-e', `${directory}/error.log`, '-p', directory, '-c', file], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const ended = once(child, 'exit');
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await ended;
  };
  try {
    await untilOpen(port, () => child.exitCode !== null);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    origin: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    root,
    [Symbol.asyncDispose]: stop,
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function untilOpen(port: number, hasEnded: () => boolean): Promise<void> {
  for (const until = Date.now() + START_MS; ; ) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isOpen) return;
    if (hasEnded() || Date.now() > until) throw new Error('nginx does not start');
    await sleep(20);
  }
}
