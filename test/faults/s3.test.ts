/** Caches in S3 against a real server: what it stores, what it refuses, and what happens on bad days. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import * as sdk from '@aws-sdk/client-s3';
import { FerryError, isFerryError, type ErrorCode } from '../../src/error.ts';
import type { SpooledFile } from '../../src/store/cache/objects.ts';
import { openS3Objects, type S3Objects } from '../../src/store/cache/s3-objects.ts';
import { makeAuthority } from '../support/certificates.ts';
import { peerTest } from '../support/peers.ts';
import { findProcesses, waitUntil } from '../support/processes.ts';
import { firstTimes, startS3Faults, type S3Faults } from '../support/s3-faults.ts';
import { lacksS3, startS3Server, type S3Keys, type S3Server } from '../support/s3-server.ts';
import { makeTempDirectory, type TempDirectory } from '../support/temp.ts';

const MIB = 1024 * 1024;
const lacks = lacksS3();
const needs = { lacks };
const NAR = { contentType: 'application/x-nix-nar' };
const TEXT = { contentType: 'text/x-nix-narinfo' };

let server: S3Server;
let faults: S3Faults;
let admin: sdk.S3Client;
let temp: TempDirectory;
let buckets = 0;

before(async () => {
  if (lacks.length > 0) return;
  temp = makeTempDirectory({ ram: true });
  server = await startS3Server();
  faults = await startS3Faults(server);
  admin = new sdk.S3Client({
    endpoint: server.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: server.owner,
  });
});

after(async () => {
  if (lacks.length > 0) return;
  admin.destroy();
  await faults[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  temp[Symbol.dispose]();
});

interface Opening {
  readonly bucket?: string;
  readonly path?: string;
  readonly keys?: S3Keys | 'none';
  readonly parameters?: Readonly<Record<string, string>>;
  readonly variables?: Readonly<Record<string, string>>;
  readonly silenceMs?: number;
  readonly diagnostics?: string[];
}

/** A bucket of its own, seen through the proxy, with pauses that a test can wait for. */
async function open(opening: Opening = {}): Promise<S3Objects & { readonly bucket: string }> {
  const bucket = opening.bucket ?? (await makeBucket());
  faults.decide = () => undefined;
  faults.seen.length = 0;
  const { keys = server.owner } = opening;
  const objects = openS3Objects({
    authority: bucket,
    path: opening.path ?? '',
    parameters: new Map(Object.entries({ endpoint: faults.endpoint, ...opening.parameters })),
    variables:
      keys === 'none'
        ? { ...opening.variables }
        : {
            AWS_ACCESS_KEY_ID: keys.accessKeyId,
            AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
            ...opening.variables,
          },
    retryDelayMs: 5,
    overloadedDelayMs: 20,
    silenceMs: opening.silenceMs,
    onDiagnostic: (line) => opening.diagnostics?.push(line),
  });
  return Object.assign(objects, { bucket });
}

async function makeBucket(): Promise<string> {
  buckets += 1;
  const bucket = `bucket.${buckets}`;
  await admin.send(new sdk.CreateBucketCommand({ Bucket: bucket }));
  return bucket;
}

function spool(size: number): SpooledFile & { readonly bytes: Uint8Array } {
  const bytes = randomBytes(size);
  const file = temp.join(`spooled-${bytes.subarray(0, 8).toString('hex')}`);
  writeFileSync(file, bytes);
  const digest = new Uint8Array(createHash('sha256').update(bytes).digest());
  return { file, size, bytes, sha256: { algorithm: 'sha256', digest } };
}

async function readAll(objects: S3Objects, key: string, signal?: AbortSignal): Promise<Buffer> {
  const body = await objects.get(key, { signal });
  if (body === undefined) throw new Error(`there is no ${key}`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of body.bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function keysOf(objects: S3Objects, prefix = ''): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of objects.list?.(prefix) ?? []) keys.push(key);
  return keys.sort();
}

async function uploadsIn(bucket: string): Promise<number> {
  const { Uploads } = await admin.send(new sdk.ListMultipartUploadsCommand({ Bucket: bucket }));
  return Uploads?.length ?? 0;
}

function failsWith(code: ErrorCode, message: RegExp, hint?: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof FerryError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    if (hint !== undefined) assert.match(error.hint ?? '', hint);
    const told = `${error.message} ${error.hint ?? ''}`;
    for (const secret of [server.owner.secretAccessKey, server.guest.secretAccessKey, 'wrong-se']) {
      assert.ok(!told.includes(secret), told);
    }
    return true;
  };
}

peerTest('what is put is there, whole, under odd names too', needs, async () => {
  await using objects = await open({ path: '/a folder/x' });
  assert.equal(objects.uri, `s3://${objects.bucket}/a folder/x`);
  const contents = new Map<string, Uint8Array>([
    ['nix-cache-info', Buffer.from('StoreDir: /nix/store\n')],
    ["log/a b+c%é&?#!*'().drv", Buffer.from('a log')],
    ['realisations/sha256:abc!out.doi', Buffer.from('{}')],
    ['nar/empty.nar', new Uint8Array()],
    ['nar/some.nar', randomBytes(MIB + 1)],
  ]);
  for (const [key, bytes] of contents) await objects.put(key, bytes, NAR);
  for (const [key, bytes] of contents) {
    assert.deepEqual(await objects.head(key), { size: bytes.length }, key);
    assert.deepEqual(await readAll(objects, key), Buffer.from(bytes), key);
    assert.deepEqual(await objects.read(key, { bytesMax: 2 * MIB }), new Uint8Array(bytes), key);
  }
  assert.deepEqual(await keysOf(objects), [...contents.keys()].sort());
  assert.deepEqual(await keysOf(objects, 'nar/'), ['nar/empty.nar', 'nar/some.nar']);
  await objects.delete?.('nar/some.nar');
  await objects.delete?.('nar/some.nar');
  assert.equal(await objects.head('nar/some.nar'), undefined);
  assert.equal(await objects.get('nar/some.nar'), undefined);
  assert.equal(await objects.read('nar/some.nar', { bytesMax: 1 }), undefined);
  const stored = await admin.send(
    new sdk.HeadObjectCommand({ Bucket: objects.bucket, Key: 'a folder/x/nar/empty.nar' }),
  );
  assert.equal(stored.ContentType, NAR.contentType);
});

peerTest('a listing longer than a page is whole', needs, async () => {
  await using objects = await open();
  const keys = Array.from({ length: 1100 }, (_, i) => `${String(i).padStart(4, '0')}.narinfo`);
  await Promise.all(keys.map((key) => objects.put(key, new Uint8Array(), TEXT)));
  assert.deepEqual(await keysOf(objects), keys);
});

peerTest('a Content-Encoding is set, and undone by who reads', needs, async () => {
  await using objects = await open();
  const text = 'a log\n'.repeat(1000);
  const encoded = gzipSync(text);
  await objects.put('log/x.drv', encoded, { contentType: 'text/plain', contentEncoding: 'gzip' });
  assert.equal((await readAll(objects, 'log/x.drv')).toString(), text);
  assert.equal((await objects.get('log/x.drv'))?.size, undefined);
  const read = await objects.read('log/x.drv', { bytesMax: 6000 });
  assert.equal(new TextDecoder().decode(read), text);
  await assert.rejects(objects.read('log/x.drv', { bytesMax: 5999 }), (error) =>
    isFerryError(error, 'corrupt'),
  );
});

peerTest(
  'what is longer than allowed is refused, and so are keys that lead elsewhere',
  needs,
  async () => {
    await using objects = await open();
    await objects.put('a', new Uint8Array(100), TEXT);
    await assert.rejects(
      objects.read('a', { bytesMax: 99 }),
      failsWith('corrupt', /more than 99 bytes/),
    );
    for (const key of ['../other/a', 'nar/../../x', '/a', '', 'a//b']) {
      await assert.rejects(objects.get(key), failsWith('corrupt', /is not the name of a file/));
    }
    await assert.rejects(
      objects.get('https://example.org/nar/x.nar'),
      failsWith('unsupported', /in its own bucket/),
    );
  },
);

peerTest(
  'a large file goes in parts, some at once, and its ETag is the MD5 of theirs',
  needs,
  async () => {
    await using objects = await open({ parameters: { 'multipart-chunk-size': String(8 * MIB) } });
    const file = spool(151 * MIB + 7);
    await objects.put('nar/large.nar', file, NAR);
    const parts = faults.seen.filter(({ url }) => url.includes('partNumber='));
    assert.equal(parts.length, 19);
    assert.ok(parts.every(({ headers }) => headers['content-md5'] !== undefined));
    const md5s = createHash('md5');
    for (let at = 0; at < file.size; at += 8 * MIB) {
      md5s.update(
        createHash('md5')
          .update(file.bytes.subarray(at, at + 8 * MIB))
          .digest(),
      );
    }
    const head = await admin.send(
      new sdk.HeadObjectCommand({ Bucket: objects.bucket, Key: 'nar/large.nar' }),
    );
    assert.equal(head.ETag, `"${md5s.digest('hex')}-19"`);
    assert.equal(head.ContentType, NAR.contentType);
    const hash = createHash('sha256');
    const body = await objects.get('nar/large.nar');
    assert.equal(body?.size, file.size);
    for await (const chunk of body?.bytes ?? []) hash.update(chunk);
    assert.deepEqual(new Uint8Array(hash.digest()), file.sha256.digest);
    assert.equal(await uploadsIn(objects.bucket), 0);
  },
);

peerTest(
  'a file below the threshold, or with multipart-upload=false, goes at once',
  needs,
  async () => {
    await using objects = await open({ parameters: { 'multipart-upload': 'false' } });
    const file = spool(12 * MIB);
    await objects.put('nar/x.nar', file, NAR);
    assert.deepEqual(await readAll(objects, 'nar/x.nar'), Buffer.from(file.bytes));
    assert.deepEqual(
      faults.seen.map(({ method }) => method),
      ['PUT', 'GET'],
    );
    assert.equal(
      faults.seen[0]?.headers['x-amz-content-sha256'],
      Buffer.from(file.sha256.digest).toString('hex'),
    );
  },
);

peerTest('who may not is told why', needs, async () => {
  const bucket = await makeBucket();
  const read = async (keys: S3Keys | 'none', key = 'nix-cache-info'): Promise<unknown> => {
    await using objects = await open({ bucket, keys, variables: OFFLINE });
    return await objects.read(key, { bytesMax: 100 });
  };
  const { owner, guest } = server;
  await assert.rejects(
    read({ ...owner, secretAccessKey: 'wrong-secret' }),
    failsWith(
      'denied',
      /cannot read "s3:\/\/bucket\.\d+\/nix-cache-info": the signature/,
      /secret access key/,
    ),
  );
  await assert.rejects(
    read({ accessKeyId: 'nobody', secretAccessKey: 'wrong-secret' }),
    failsWith('denied', /does not know the access key/, /AWS_ACCESS_KEY_ID/),
  );
  await assert.rejects(read(guest), failsWith('denied', /403 AccessDenied/, /s3:GetObject/));
  await withoutCredentials(async () => {
    await assert.rejects(read('none'), failsWith('denied', /403/, /no AWS credentials were found/));
  });
  // As of a bucket that may be read and not listed: what isn't there is denied too.
  assert.equal(await read(guest, 'x.narinfo'), undefined);
  await using objects = await open({ bucket, keys: guest });
  assert.equal(await objects.head('x.narinfo'), undefined);
  await assert.rejects(objects.head('nix-cache-info'), failsWith('denied', /403/));
  await assert.rejects(
    objects.put('x', new Uint8Array(), TEXT),
    failsWith('denied', /cannot write/, /s3:PutObject/),
  );
  await assert.rejects(objects.put('x', spool(3 * MIB), NAR), failsWith('denied', /403/));
  await assert.rejects(objects.delete?.('x') ?? Promise.resolve(), failsWith('denied', /delete/));
  await assert.rejects(keysOf(objects), failsWith('denied', /list/, /s3:ListBucket/));
});

peerTest('a bucket that is not there is told', needs, async () => {
  await using objects = await open({ bucket: 'no-such-bucket' });
  const gone = failsWith('not-found', /there is no bucket "no-such-bucket" on "http:\/\/127/);
  await assert.rejects(objects.read('nix-cache-info', { bytesMax: 1 }), gone);
  await assert.rejects(objects.put('a', new Uint8Array(), TEXT), gone);
  await assert.rejects(keysOf(objects), gone);
});

peerTest('a public bucket is read without credentials', needs, async () => {
  const bucket = await makeBucket();
  await admin.send(new sdk.PutObjectCommand({ Bucket: bucket, Key: 'a b', Body: 'public' }));
  await admin.send(
    new sdk.PutBucketPolicyCommand({
      Bucket: bucket,
      Policy: JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Principal: '*',
            Action: 's3:GetObject',
            Resource: `arn:aws:s3:::${bucket}/*`,
          },
        ],
      }),
    }),
  );
  await withoutCredentials(async () => {
    await using objects = await open({ bucket, keys: 'none', variables: OFFLINE });
    assert.equal((await readAll(objects, 'a b')).toString(), 'public');
    assert.equal(await objects.head('missing'), undefined);
    assert.ok(faults.seen.every(({ headers }) => headers['authorization'] === undefined));
  });
});

peerTest('a profile of the AWS configuration counts, and no other credentials', needs, async () => {
  const bucket = await makeBucket();
  const config = temp.join('aws-config');
  const { accessKeyId, secretAccessKey } = server.owner;
  writeFileSync(
    config,
    `[profile pushes]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`,
  );
  await withVariables({ ...OFFLINE, AWS_CONFIG_FILE: config }, async () => {
    const keys = { accessKeyId: 'nobody', secretAccessKey: 'wrong-secret' };
    await using objects = await open({ bucket, keys, parameters: { profile: 'pushes' } });
    await objects.put('a', new Uint8Array([1]), TEXT);
    assert.deepEqual(await objects.head('a'), { size: 1 });
    await using other = await open({ bucket, parameters: { profile: 'misspelt' } });
    await assert.rejects(
      other.head('a'),
      failsWith('denied', /no credentials from the AWS profile "misspelt"/, /~\/\.aws/),
    );
    await using byVariable = await open({
      bucket,
      keys: 'none',
      variables: { AWS_PROFILE: 'pushes' },
    });
    assert.deepEqual(await byVariable.head('a'), { size: 1 });
  });
});

peerTest('requests that a busy server refuses are made again', needs, async () => {
  const diagnostics: string[] = [];
  await using objects = await open({ diagnostics });
  faults.decide = firstTimes(3, () => true, { kind: 'answer', status: 503, code: 'SlowDown' });
  await objects.put('a', Buffer.from('small'), TEXT);
  assert.equal(diagnostics.length, 3);
  assert.match(
    diagnostics[0] ?? '',
    /^warning: cannot write "s3:.*": 503 SlowDown; trying again in /,
  );
  for (const [status, code] of [
    [500, 'InternalError'],
    [502, undefined],
    [429, 'TooManyRequests'],
    [400, 'RequestTimeout'],
    [403, 'RequestTimeTooSkewed'],
  ] as const) {
    const answer = { kind: 'answer', status, ...(code === undefined ? {} : { code }) } as const;
    faults.decide = firstTimes(2, () => true, answer);
    assert.equal((await readAll(objects, 'a')).toString(), 'small', String(code));
  }
  faults.decide = firstTimes(2, ({ method }) => method === 'PUT', { kind: 'reset' });
  const file = spool(3 * MIB);
  await objects.put('b', file, NAR);
  assert.deepEqual(await readAll(objects, 'b'), Buffer.from(file.bytes));
});

peerTest('requests are not made again for ever, nor where that is of no use', needs, async () => {
  await using objects = await open();
  faults.decide = () => ({ kind: 'answer', status: 503, code: 'SlowDown' });
  await assert.rejects(
    objects.read('a', { bytesMax: 1 }),
    failsWith('unavailable', /the server fails \(503 SlowDown/),
  );
  assert.equal(faults.seen.length, 5);
  faults.seen.length = 0;
  faults.decide = () => ({ kind: 'answer', status: 400, code: 'InvalidRequest' });
  await assert.rejects(
    objects.read('a', { bytesMax: 1 }),
    failsWith('protocol', /400 InvalidRequest/),
  );
  assert.equal(faults.seen.length, 1);
});

peerTest('a part that a busy server refuses is sent again, the others are not', needs, async () => {
  await using objects = await open({
    parameters: { 'multipart-threshold': '0', 'multipart-chunk-size': String(5 * MIB) },
  });
  const file = spool(23 * MIB);
  faults.decide = firstTimes(3, ({ url }) => url.includes('partNumber=2'), {
    kind: 'answer',
    status: 503,
    code: 'SlowDown',
  });
  await objects.put('nar/x.nar', file, NAR);
  const numbers = faults.seen.flatMap(({ url }) => /partNumber=(\d)/.exec(url)?.[1] ?? []);
  assert.deepEqual(numbers.sort(), ['1', '2', '2', '2', '2', '3', '4', '5']);
  assert.deepEqual(await readAll(objects, 'nar/x.nar'), Buffer.from(file.bytes));
});

peerTest(
  'an error within a 200 is an error, and an answer that was lost is none',
  needs,
  async () => {
    await using objects = await open({
      parameters: { 'multipart-threshold': '0', 'multipart-chunk-size': String(5 * MIB) },
    });
    const isCompletion = ({ method, url }: { method: string; url: string }): boolean =>
      method === 'POST' && url.includes('uploadId=');
    const file = spool(6 * MIB);
    faults.decide = firstTimes(1, isCompletion, {
      kind: 'answer',
      status: 200,
      code: 'InternalError',
    });
    await objects.put('nar/x.nar', file, NAR);
    assert.equal(faults.seen.filter(isCompletion).length, 2);
    faults.decide = firstTimes(1, isCompletion, { kind: 'lose-answer' });
    await objects.put('nar/y.nar', file, NAR);
    assert.deepEqual(await readAll(objects, 'nar/y.nar'), Buffer.from(file.bytes));
  },
);

peerTest('an upload in parts that fails leaves nothing', needs, async () => {
  await using objects = await open({
    parameters: { 'multipart-threshold': '0', 'multipart-chunk-size': String(5 * MIB) },
  });
  faults.decide = ({ url }) =>
    url.includes('partNumber=3')
      ? { kind: 'answer', status: 403, code: 'AccessDenied' }
      : undefined;
  await assert.rejects(objects.put('nar/x.nar', spool(23 * MIB), NAR), failsWith('denied', /403/));
  assert.equal(await objects.head('nar/x.nar'), undefined);
  assert.equal(await uploadsIn(objects.bucket), 0);
});

peerTest(
  'an upload in parts that is aborted leaves nothing, at whatever point',
  needs,
  async () => {
    const bucket = await makeBucket();
    const file = spool(23 * MIB);
    const points = [/uploads/, /partNumber=1&/, /partNumber=5&/, /^[^?]*\?uploadId=/];
    for (const point of points) {
      const abort = new AbortController();
      const diagnostics: string[] = [];
      const parameters = { 'multipart-threshold': '0', 'multipart-chunk-size': String(5 * MIB) };
      await using objects = await open({ bucket, parameters, diagnostics });
      faults.decide = ({ url, method }) => {
        if (method === 'DELETE' || !point.test(url)) return undefined;
        abort.abort(new Error('enough'));
        return undefined;
      };
      await assert.rejects(
        objects.put('nar/x.nar', file, { ...NAR, signal: abort.signal }),
        /^Error: enough$/,
      );
      // It goes on behind the abort, and takes longer where the machine has much to do.
      for (let waited = 0; waited < 100 && (await uploadsIn(bucket)) > 0; waited += 1) {
        await sleep(100);
      }
      assert.deepEqual([await uploadsIn(bucket), diagnostics], [0, []], String(point));
    }
  },
);

peerTest('a client that is killed leaves no object that can be seen', needs, async () => {
  const objects = await open();
  await objects[Symbol.asyncDispose]();
  const { file } = spool(40 * MIB);
  const arrived = new Promise<void>((resolve) => {
    faults.decide = ({ url }) => {
      if (!url.includes('partNumber=4')) return undefined;
      resolve();
      return { kind: 'silence' };
    };
  });
  const script = `
    import { openS3Objects } from ${JSON.stringify(new URL('../../src/store/cache/s3-objects.ts', import.meta.url).href)};
    const objects = openS3Objects({
      authority: ${JSON.stringify(objects.bucket)}, path: '',
      parameters: new Map([['endpoint', ${JSON.stringify(faults.endpoint)}], ['multipart-threshold', '0']]),
      variables: process.env,
    });
    await objects.put('nar/x.nar', { file: ${JSON.stringify(file)}, size: ${40 * MIB}, sha256: { algorithm: 'sha256', digest: new Uint8Array(32) } }, { contentType: 'x/y' });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    env: {
      AWS_ACCESS_KEY_ID: server.owner.accessKeyId,
      AWS_SECRET_ACCESS_KEY: server.owner.secretAccessKey,
    },
    stdio: 'inherit',
  });
  await arrived;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  const { Contents } = await admin.send(new sdk.ListObjectsV2Command({ Bucket: objects.bucket }));
  assert.equal(Contents, undefined);
});

peerTest(
  'bytes that change on their way are refused, sent again, and told in the end',
  needs,
  async () => {
    await using objects = await open({
      parameters: {
        'multipart-threshold': String(5 * MIB),
        'multipart-chunk-size': String(5 * MIB),
      },
    });
    const isUpload = ({ method }: { method: string }): boolean => method === 'PUT';
    const file = spool(11 * MIB);
    faults.decide = firstTimes(1, isUpload, { kind: 'damage' });
    await objects.put('nar/x.nar', file, NAR);
    assert.deepEqual(await readAll(objects, 'nar/x.nar'), Buffer.from(file.bytes));
    faults.decide = firstTimes(1, isUpload, { kind: 'damage' });
    await objects.put('small', Buffer.from('small'), TEXT);
    assert.equal((await readAll(objects, 'small')).toString(), 'small');
    faults.decide = () => ({ kind: 'damage' });
    await assert.rejects(
      objects.put('other', Buffer.from('small'), TEXT),
      failsWith('corrupt', /changed on their way/),
    );
    faults.decide = () => undefined;
    assert.equal(await objects.head('other'), undefined);
  },
);

peerTest('what the server then has is compared with what was sent', needs, async () => {
  await using objects = await open();
  const isPut = ({ method }: { method: string }): boolean => method === 'PUT';
  const other = `"${'0'.repeat(32)}"`;
  // Another ETag than the MD5 is no proof of anything: the bytes are read back, once for a server.
  faults.decide = () => ({ kind: 'headers', headers: { etag: other } });
  await objects.put('a', Buffer.from('contents'), TEXT);
  await objects.put('b', Buffer.from('contents'), TEXT);
  assert.deepEqual(
    faults.seen.map(({ method }) => method),
    ['PUT', 'HEAD', 'GET', 'PUT', 'HEAD'],
  );
  await using strict = await open();
  faults.decide = ({ method }) =>
    method === 'PUT'
      ? { kind: 'headers', headers: { etag: '' } }
      : { kind: 'headers', headers: { 'content-length': '7' } };
  await assert.rejects(
    strict.put('a', Buffer.from('contents'), TEXT),
    failsWith('corrupt', /it has 7 bytes there, not 8/),
  );
  faults.decide = (asked) => (isPut(asked) ? { kind: 'answer', status: 200 } : undefined);
  await assert.rejects(
    strict.put('never', Buffer.from('contents'), TEXT),
    failsWith('corrupt', /took it, and doesn't have it/),
  );
});

peerTest('a download that breaks off is gone on with, again and again', needs, async () => {
  await using objects = await open();
  const file = spool(9 * MIB);
  await objects.put('nar/x.nar', file, NAR);
  faults.seen.length = 0;
  const isGet = ({ method }: { method: string }): boolean => method === 'GET';
  faults.decide = firstTimes(7, isGet, { kind: 'cut', afterBytes: MIB + 13 });
  assert.deepEqual(await readAll(objects, 'nar/x.nar'), Buffer.from(file.bytes));
  assert.deepEqual(
    faults.seen.map(({ headers }) => headers['range']),
    [undefined, ...Array.from({ length: 7 }, (_, i) => `bytes=${(i + 1) * (MIB + 13)}-`)],
  );
  assert.ok(faults.seen.slice(1).every(({ headers }) => headers['if-match'] !== undefined));
});

peerTest('a download that never gets further is given up', needs, async () => {
  await using objects = await open();
  await objects.put('nar/x.nar', spool(MIB), NAR);
  let count = 0;
  faults.decide = () => {
    count += 1;
    return { kind: 'cut', afterBytes: count === 1 ? 1000 : 0 };
  };
  await assert.rejects(readAll(objects, 'nar/x.nar'), failsWith('unavailable', /can't be reached/));
  assert.equal(count, 5);
});

peerTest('a download of what became another object meanwhile is an error', needs, async () => {
  await using objects = await open();
  await objects.put('a', spool(MIB), NAR);
  faults.decide = firstTimes(1, () => true, { kind: 'cut', afterBytes: 1000 });
  const body = await objects.get('a');
  await admin.send(new sdk.PutObjectCommand({ Bucket: objects.bucket, Key: 'a', Body: 'another' }));
  await assert.rejects(
    async () => {
      for await (const _ of body?.bytes ?? []);
    },
    failsWith('conflict', /changed meanwhile/),
  );
});

peerTest('silence is noticed, while asking and within an object', needs, async () => {
  await using objects = await open({ silenceMs: 400 });
  const file = spool(4 * MIB);
  await objects.put('nar/x.nar', file, NAR);
  faults.decide = firstTimes(1, () => true, { kind: 'silence' });
  assert.deepEqual(await objects.head('nar/x.nar'), { size: file.size });
  faults.seen.length = 0;
  faults.decide = firstTimes(1, () => true, { kind: 'stall', afterBytes: MIB });
  assert.deepEqual(await readAll(objects, 'nar/x.nar'), Buffer.from(file.bytes));
  assert.ok(faults.seen.some(({ headers }) => headers['range'] === `bytes=${MIB}-`));
});

peerTest('a slow reader is no silence', needs, async () => {
  await using objects = await open({ silenceMs: 1000 });
  const file = spool(4 * MIB);
  await objects.put('nar/x.nar', file, NAR);
  faults.seen.length = 0;
  const body = await objects.get('nar/x.nar');
  const chunks: Uint8Array[] = [];
  for await (const chunk of body?.bytes ?? []) {
    if (chunks.length === 0) await sleep(2500);
    chunks.push(chunk);
  }
  assert.deepEqual(Buffer.concat(chunks), Buffer.from(file.bytes));
  assert.equal(faults.seen.length, 1);
});

peerTest('an abort ends whatever is under way with its reason', needs, async () => {
  await using objects = await open();
  await objects.put('nar/x.nar', spool(4 * MIB), NAR);
  const reason = new Error('enough');
  const aborted = async (work: (signal: AbortSignal) => Promise<unknown>): Promise<void> => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(reason), 50);
    await assert.rejects(work(abort.signal), (error) => error === reason);
  };
  faults.decide = () => ({ kind: 'silence' });
  await aborted((signal) => objects.read('nar/x.nar', { bytesMax: 1, signal }));
  await aborted((signal) => objects.head('nar/x.nar', { signal }));
  await aborted((signal) => objects.put('a', spool(3 * MIB), { ...NAR, signal }));
  faults.decide = () => ({ kind: 'stall', afterBytes: 1000 });
  await aborted((signal) => readAll(objects, 'nar/x.nar', signal));
  faults.decide = () => ({ kind: 'answer', status: 503, headers: { 'Retry-After': '30' } });
  await aborted((signal) => objects.head('nar/x.nar', { signal }));
  await assert.rejects(
    objects.head('a', { signal: AbortSignal.abort(reason) }),
    (e) => e === reason,
  );
});

peerTest('a bucket in another region is followed there, unless one was named', needs, async () => {
  await using objects = await open();
  const elsewhere = {
    kind: 'answer',
    status: 301,
    code: 'PermanentRedirect',
    headers: { 'x-amz-bucket-region': 'eu-west-1' },
  } as const;
  faults.decide = ({ headers }) =>
    String(headers['authorization']).includes('/eu-west-1/s3/') ? undefined : elsewhere;
  await objects.put('a', Buffer.from('a'), TEXT);
  assert.deepEqual(await objects.head('a'), { size: 1 });
  assert.equal(faults.seen.length, 3);
  await using named = await open({ bucket: objects.bucket, parameters: { region: 'us-west-2' } });
  faults.decide = () => elsewhere;
  const told = failsWith('usage', /the bucket is in the region eu-west-1/, /\?region=eu-west-1/);
  await assert.rejects(named.head('a'), told);
  await assert.rejects(named.read('a', { bytesMax: 1 }), told);
  faults.decide = () => ({
    kind: 'answer',
    status: 400,
    code: 'AuthorizationHeaderMalformed',
    details: '<Region>eu-west-1</Region>',
  });
  await assert.rejects(named.read('a', { bytesMax: 1 }), told);
});

peerTest('a clock that is wrong is put right for signatures', needs, async () => {
  await using objects = await open();
  // As the server says it is an hour later: the SDK then signs for that time, which this server refuses.
  const later = new Date(Date.now() + 3_600_000).toUTCString();
  faults.decide = firstTimes(1, () => true, {
    kind: 'answer',
    status: 403,
    code: 'RequestTimeTooSkewed',
    headers: { Date: later },
  });
  await objects.put('a', Buffer.from('a'), TEXT);
  const [first, second] = faults.seen.map(({ headers }) => String(headers['x-amz-date']));
  assert.notEqual(first?.slice(0, 11), second?.slice(0, 11));
});

peerTest(
  'over TLS the server has to have a certificate that is trusted',
  { programs: ['openssl'] },
  async () => {
    using place = makeTempDirectory();
    const authority = await makeAuthority(place.join('authority'));
    const tls = createServer(authority.server, (_, outgoing) => {
      outgoing.writeHead(200, { 'Content-Length': 7 }).end();
    }).listen(0, '127.0.0.1');
    await once(tls, 'listening');
    const address = tls.address();
    assert.ok(address !== null && typeof address === 'object');
    const head = async (caFile: string | undefined): Promise<unknown> => {
      await using objects = openS3Objects({
        authority: 'cache',
        path: '',
        parameters: new Map([['endpoint', `127.0.0.1:${address.port}`]]),
        variables: { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' },
        caFile,
      });
      return await objects.head('a');
    };
    try {
      assert.deepEqual(await head(authority.caFile), { size: 7 });
      await assert.rejects(head(undefined), (error) => {
        assert.ok(isFerryError(error, 'unavailable'));
        assert.match(error.message, /"https:\/\/127.* its certificate is not accepted/);
        assert.match(error.hint ?? '', /ssl-cert-file/);
        return true;
      });
      await assert.rejects(head(place.join('none')), (error) => isFerryError(error, 'not-found'));
    } finally {
      tls.close();
      tls.closeAllConnections();
    }
  },
);

peerTest('a storage class is asked for', needs, async () => {
  await using objects = await open({ parameters: { 'storage-class': 'STANDARD_IA' } });
  await objects.put('a', Buffer.from('a'), TEXT).catch(() => {});
  assert.equal(faults.seen[0]?.headers['x-amz-storage-class'], 'STANDARD_IA');
});

peerTest('the server is gone with all its processes when its user is', needs, async () => {
  const other = await startS3Server();
  const before = findProcesses('radosgw -c /run/ceph').length;
  await other[Symbol.asyncDispose]();
  await waitUntil('its end', () => findProcesses('radosgw -c /run/ceph').length < before);
});

const OFFLINE = {
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
};

async function withoutCredentials(work: () => Promise<void>): Promise<void> {
  await withVariables(OFFLINE, work);
}

/** The SDK looks at the process's own. */
async function withVariables(
  variables: Readonly<Record<string, string>>,
  work: () => Promise<void>,
): Promise<void> {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  try {
    await work();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
