/**
 * Caches in S3 beside real Nix. Of Debian's releases only 2.34 knows s3://, and signs nothing: its bucket is open to
 * everyone. The others reach the same bucket as an HTTP cache, which by its path it is.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before } from 'node:test';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { ferryBin, ferryEnv, runFerry, runFerryOk } from '../support/ferry-program.ts';
import { makeNixHome, type NixHome } from '../support/nix-home.ts';
import { nixVersions, peerTest, type NixVersion } from '../support/peers.ts';
import { startS3Faults } from '../support/s3-faults.ts';
import { lacksS3, startS3Server, type S3Server } from '../support/s3-server.ts';
import { makeSmallClosure } from '../support/small-closure.ts';

const lacks = lacksS3();
let server: S3Server;
let admin: S3Client;
let buckets = 0;

before(async () => {
  if (lacks.length > 0) return;
  server = await startS3Server();
  admin = new S3Client({
    endpoint: server.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: server.owner,
  });
});

after(async () => {
  if (lacks.length > 0) return;
  admin.destroy();
  await server[Symbol.asyncDispose]();
});

interface Bucket {
  readonly name: string;
  /** For ferry, who has keys, and for Nix 2.34. */
  uri(folder?: string): string;
  /** For any Nix. */
  readonly httpUri: string;
}

/** Everyone may read and write. */
async function makeBucket(): Promise<Bucket> {
  buckets += 1;
  const name = `cache-${buckets}`;
  await admin.send(new CreateBucketCommand({ Bucket: name }));
  const statement = {
    Effect: 'Allow',
    Principal: '*',
    Action: ['s3:GetObject', 's3:PutObject', 's3:ListBucket'],
    Resource: [`arn:aws:s3:::${name}`, `arn:aws:s3:::${name}/*`],
  };
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  await admin.send(new PutBucketPolicyCommand({ Bucket: name, Policy }));
  const { host, port, endpoint } = server;
  return {
    name,
    uri: (folder = '') => `s3://${name}${folder}?endpoint=${host}:${port}&scheme=http`,
    httpUri: `${endpoint}/${name}`,
  };
}

function keys(): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: server.owner.accessKeyId,
    AWS_SECRET_ACCESS_KEY: server.owner.secretAccessKey,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

/** How this release reaches it. What it writes is compressed quickly. */
function uriFor(version: NixVersion, bucket: Bucket): string {
  return version === '2.34'
    ? `${bucket.uri()}&compression=zstd`
    : `${bucket.httpUri}?compression=zstd`;
}

async function addLargePath(home: NixHome, size: number): Promise<string> {
  const directory = join(home.path, 'large');
  mkdirSync(directory);
  writeFileSync(join(directory, 'file'), randomBytes(size));
  return await home.runOk('nix-store', ['--add', directory]);
}

async function infoOf(home: NixHome, path: string): Promise<unknown> {
  const fields = ['--references', '--deriver', '--hash', '--size'];
  const answers = await Promise.all(
    fields.map((field) => home.runOk('nix-store', ['--query', field, path])),
  );
  return answers.map((answer) => answer.split('\n').sort());
}

for (const version of nixVersions) {
  peerTest(
    `Nix ${version} reads what ferry wrote to S3`,
    { nix: [version], lacks },
    async (nix) => {
      await using home = makeNixHome(nix(version));
      await using other = makeNixHome(nix(version), { settings: { 'require-sigs': 'false' } });
      const closure = await makeSmallClosure(home);
      const large = await addLargePath(home, 13 * 1024 * 1024);
      const wanted = [closure.application, closure.development, closure.link, large];
      const bucket = await makeBucket();
      const inParts = '&multipart-threshold=0&multipart-chunk-size=5242880';
      await runFerryOk(home, ['copy', '--to', `${bucket.uri()}${inParts}`, ...wanted], {
        env: keys(),
      });
      const from = ['copy', '--from', uriFor(version, bucket), '--no-check-sigs'];
      await other.runOk('nix', [...from, ...wanted], {
        env: { AWS_EC2_METADATA_DISABLED: 'true' },
      });
      await other.verify();
      for (const path of wanted) {
        assert.deepEqual(await infoOf(other, path), await infoOf(home, path), path);
      }
      const rest = await runFerry(home, ['copy', '--to', bucket.uri(), ...wanted], { env: keys() });
      assert.match(rest.stderr, /nothing to copy|copied 0 paths|there already/);
    },
  );

  peerTest(
    `ferry reads what Nix ${version} wrote to S3`,
    { nix: [version], lacks },
    async (nix) => {
      await using home = makeNixHome(nix(version));
      await using other = makeNixHome(nix(version), { settings: { 'require-sigs': 'false' } });
      const closure = await makeSmallClosure(home);
      const wanted = [closure.application, closure.development, closure.link];
      const bucket = await makeBucket();
      const env = { AWS_EC2_METADATA_DISABLED: 'true' };
      await home.runOk('nix', ['copy', '--to', uriFor(version, bucket), ...wanted], { env });
      const from = ['copy', '--from', bucket.uri(), '--no-check-sigs', ...wanted];
      await runFerryOk(other, from, { env: keys() });
      await other.verify();
      for (const path of wanted) {
        assert.deepEqual(await infoOf(other, path), await infoOf(home, path), path);
      }
    },
  );
}

peerTest('a folder of a bucket is the same to Nix 2.34', { nix: ['2.34'], lacks }, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  await using other = makeNixHome(nix('2.34'), { settings: { 'require-sigs': 'false' } });
  const { text, source } = await makeSmallClosure(home);
  const bucket = await makeBucket();
  const uri = bucket.uri('/a/folder');
  await runFerryOk(home, ['copy', '--to', uri, text], { env: keys() });
  const env = { AWS_EC2_METADATA_DISABLED: 'true' };
  await other.runOk('nix', ['copy', '--from', uri, '--no-check-sigs', text], { env });
  await home.runOk('nix', ['copy', '--to', `${uri}&compression=zstd`, source], { env });
  await runFerryOk(other, ['copy', '--from', uri, '--no-check-sigs', source], { env: keys() });
  await other.verify();
  const { Contents = [] } = await admin.send(new ListObjectsV2Command({ Bucket: bucket.name }));
  assert.ok(Contents.every(({ Key }) => Key?.startsWith('a/folder/') === true));
});

peerTest(
  'a cache stays whole whenever ferry is killed, and the rest follows',
  { nix: ['2.34'], lacks },
  async (nix) => {
    await using home = makeNixHome(nix('2.34'));
    await using other = makeNixHome(nix('2.34'), { settings: { 'require-sigs': 'false' } });
    const { paths } = await makeSmallClosure(home);
    for (const [point, count] of [
      ['nar/', 2],
      ['.narinfo', 1],
      ['.narinfo', 3],
    ] as const) {
      const bucket = await makeBucket();
      await using faults = await startS3Faults(server);
      const args = ['copy', '--to', `s3://${bucket.name}?endpoint=${faults.endpoint}`, ...paths];
      const ferry = spawn(ferryBin, args, {
        env: { ...ferryEnv(home), ...keys() },
        stdio: 'ignore',
      });
      const ended = once(ferry, 'exit');
      let seen = 0;
      faults.decide = ({ method, url }) => {
        if (method === 'PUT' && url.includes(point)) seen += 1;
        if (seen < count) return undefined;
        // This one and what is still on its way never arrive.
        ferry.kill('SIGKILL');
        return { kind: 'silence' };
      };
      assert.deepEqual(await ended, [null, 'SIGKILL']);
      await assertClosed(bucket);
      await runFerryOk(home, ['copy', '--to', bucket.uri(), ...paths], { env: keys() });
      const from = ['copy', '--from', bucket.uri(), '--no-check-sigs', ...paths];
      await other.runOk('nix', from, { env: { AWS_EC2_METADATA_DISABLED: 'true' } });
    }
    await other.verify();
  },
);

/** What each narinfo names is there. */
async function assertClosed(bucket: Bucket): Promise<void> {
  const { Contents = [] } = await admin.send(new ListObjectsV2Command({ Bucket: bucket.name }));
  const all = new Set(Contents.map(({ Key }) => Key ?? ''));
  for (const key of all) {
    if (!key.endsWith('.narinfo')) continue;
    const { Body } = await admin.send(new GetObjectCommand({ Bucket: bucket.name, Key: key }));
    const text = (await Body?.transformToString()) ?? '';
    const nar = /^URL: (.*)$/m.exec(text)?.[1] ?? '';
    assert.ok(all.has(nar), `${key} without ${nar}`);
    const references = /^References: (.*)$/m.exec(text)?.[1]?.split(' ') ?? [];
    for (const reference of references.filter((name) => name !== '')) {
      assert.ok(all.has(`${reference.slice(0, 32)}.narinfo`), `${key} without ${reference}`);
    }
  }
}
