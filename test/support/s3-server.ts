/**
 * A real S3 server for tests: Ceph's gateway, as `scripts/s3-server.sh` starts it, with all data in memory. It is gone
 * when its scope ends, and also when the test's process is killed, since it reads from a pipe of that process.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { peersDirectory } from './peers.ts';

export interface S3Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface S3Server extends AsyncDisposable {
  /** `http://127.x.y.z:7480`. */
  readonly endpoint: string;
  readonly host: string;
  readonly port: number;
  /** The buckets of the tests are made by this user. */
  readonly owner: S3Keys;
  /** Known to the server, and allowed nothing with the buckets of others. */
  readonly guest: S3Keys;
}

/** To be spread into `peerTest`'s `lacks`: empty where the server can be started. */
export function lacksS3(): readonly string[] {
  if (!existsSync(join(peersDirectory(), 'ceph', 'stamp'))) return ['Ceph'];
  const { status } = spawnSync(SCRIPT, ['--check'], { stdio: 'ignore' });
  return status === 0 ? [] : ['namespaces for Ceph (root, or user namespaces)'];
}

const SCRIPT = fileURLToPath(new URL('../../scripts/s3-server.sh', import.meta.url));
const PORT = 7480;

/** Use as `await using server = await startS3Server()`; it takes one to two seconds. */
export async function startS3Server(): Promise<S3Server> {
  // An address of its own out of millions, so that the fixed ports of several servers don't meet.
  const host = `127.${randomInt(1, 255)}.${randomInt(0, 255)}.${randomInt(1, 255)}`;
  const child = spawn(SCRIPT, [host], { stdio: ['pipe', 'pipe', 'pipe'] });
  const log: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => log.push(line));
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => reject(new Error(`no S3 server: ${log.join('\n')}`)));
    createInterface({ input: child.stdout }).once('line', () => resolve());
  });
  return {
    endpoint: `http://${host}:${PORT}`,
    host,
    port: PORT,
    owner: { accessKeyId: 'owner-key', secretAccessKey: 'owner/secret+1234' },
    guest: { accessKeyId: 'guest-key', secretAccessKey: 'guest/secret+5678' },
    [Symbol.asyncDispose]: () => end(child),
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.stdin?.end();
  await ended;
}
