/** Stores of every kind for tests that copy between them: each opened over a home's store, or a cache of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { remoteProgram } from './far-program.ts';
import { startHttpServer } from './http-server.ts';
import type { NixHome } from './nix-home.ts';
import { startS3Server, type S3Server } from './s3-server.ts';
import { startSshd, type Sshd } from './sshd.ts';
import { makeTempDirectory } from './temp.ts';

export const storeKinds = ['local', 'chroot', 'ssh', 'ssh-ng', 'unix'] as const;
export const cacheKinds = ['file', 'http', 's3'] as const;
/** Kinds behind which a Nix answers. */
export const nixKinds: readonly PlaceKind[] = ['ssh', 'ssh-ng', 'unix'];
export type PlaceKind = (typeof storeKinds)[number] | (typeof cacheKinds)[number];

export interface Place {
  readonly kind: PlaceKind;
  readonly uri: string;
  /** Of a cache: a directory that has all its objects, as real Nix can read it; undefined for stores and S3. */
  readonly directory?: (() => string) | undefined;
}

export interface Places extends AsyncDisposable {
  /** Variables with which ferry reaches them all. */
  readonly env: Readonly<Record<string, string>>;
  /** @param home whose store it is, and that of the Nix that answers; caches only use its directory. */
  open(kind: PlaceKind, home: NixHome): Promise<Place>;
}

/** Use as `await using places = await openPlaces()`. The S3 server is started when it is first needed. */
export async function openPlaces(): Promise<Places> {
  await using resources = new AsyncDisposableStack();
  const temp = resources.use(makeTempDirectory({ ram: true }));
  const sshdDirectory = temp.join('sshd');
  mkdirSync(sshdDirectory);
  const sshd = resources.use(await startSshd({ dir: sshdDirectory }));
  let s3: Promise<S3Server> | undefined;
  const owned = resources.move();
  return {
    env: {
      NIX_SSHOPTS: sshd.sshOptions,
      AWS_ACCESS_KEY_ID: 'owner-key',
      AWS_SECRET_ACCESS_KEY: 'owner/secret+1234',
      AWS_EC2_METADATA_DISABLED: 'true',
    },
    async open(kind, home) {
      switch (kind) {
        case 'local': {
          const real = ['real=nix/store', 'state=nix/var/nix', 'log=nix/var/log/nix'].map((each) =>
            each.replace('=', `=${home.root}/`),
          );
          return { kind, uri: `local?${real.join('&')}` };
        }
        case 'chroot':
          return { kind, uri: home.root };
        case 'ssh':
        case 'ssh-ng':
          return { kind, uri: farUri(kind, home, sshd, sshdDirectory) };
        case 'unix':
          return { kind, uri: `unix://${await startDaemon(home, owned)}` };
        case 'file': {
          const directory = join(home.path, 'cache');
          return { kind, uri: `file://${directory}`, directory: () => directory };
        }
        case 'http':
          return await openHttp(home, owned);
        case 's3':
          s3 ??= startS3Server().then((server) => owned.use(server));
          return { kind, uri: await makeBucket(await s3) };
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function farUri(kind: 'ssh' | 'ssh-ng', home: NixHome, sshd: Sshd, directory: string): string {
  const program = home.peer.program(kind === 'ssh' ? 'nix-store' : 'nix-daemon');
  const script = remoteProgram(directory, { program, env: home.env });
  return `${kind}://${sshd.host}?remote-program=${script}`;
}

/** A daemon of the home's Nix. Returns its socket. */
export async function startDaemon(home: NixHome, resources: AsyncDisposableStack): Promise<string> {
  const directory = resources.use(makeTempDirectory({ prefix: 'ferry-daemon-' })).path;
  const socket = join(directory, 'socket');
  const child = spawn(home.peer.program('nix-daemon'), [], {
    env: { ...home.env, NIX_DAEMON_SOCKET_PATH: socket },
    stdio: 'ignore',
    detached: true,
  });
  resources.defer(async () => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const ended = once(child, 'exit');
    // Its connections are processes of their own.
    process.kill(-child.pid, 'SIGKILL');
    await ended;
  });
  for (let waited = 0; !existsSync(socket); waited += 1) {
    if (waited > 1000) throw new Error('the daemon did not open its socket within ten seconds');
    await sleep(10);
  }
  return socket;
}

async function openHttp(home: NixHome, resources: AsyncDisposableStack): Promise<Place> {
  const server = resources.use(await startHttpServer());
  const directory = join(home.path, 'cache-behind-http');
  return {
    kind: 'http',
    uri: server.origin,
    directory() {
      for (const [key, bytes] of server.objects) {
        const file = join(directory, key);
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, bytes);
      }
      return directory;
    },
  };
}

let buckets = 0;

async function makeBucket({ endpoint, owner }: S3Server): Promise<string> {
  const bucket = `places-${process.pid}-${(buckets += 1)}`;
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: owner,
  });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return `s3://${bucket}?endpoint=${encodeURIComponent(endpoint)}&region=us-east-1`;
}
