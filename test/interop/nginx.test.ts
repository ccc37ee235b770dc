/** Objects of a cache behind a real nginx: with HTTP/1.1 and 2, connections that it closes, links that break. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashBytes } from '../../src/format/hash.ts';
import { openHttpObjects } from '../../src/store/cache/http-objects.ts';
import type { Objects } from '../../src/store/cache/objects.ts';
import { DeadHosts } from '../../src/system/http/dead-hosts.ts';
import type { HttpOptions } from '../../src/system/http/http-types.ts';
import { isFerryError } from '../../src/error.ts';
import { makeAuthority } from '../support/certificates.ts';
import { startNginx } from '../support/nginx.ts';
import { peerTest } from '../support/peers.ts';
import { startRelay } from '../support/relay.ts';
import { makeTempDirectory } from '../support/temp.ts';

const NGINX = { programs: ['nginx'] };
const NGINX_TLS = { programs: ['nginx', 'openssl'] };

async function openAt(url: string, http: HttpOptions = {}): Promise<Objects & { said: string[] }> {
  const said: string[] = [];
  const objects = await openHttpObjects({
    url,
    http: {
      retries: { attempts: 3, delayMs: 5 },
      onDiagnostic: (line) => said.push(line),
      deadHosts: new DeadHosts(),
      ...http,
    },
  });
  return Object.assign(objects, { said });
}

async function readAll(objects: Objects, reference: string): Promise<Buffer> {
  const body = await objects.get(reference);
  assert.ok(body);
  return Buffer.concat(await Array.fromAsync(body.bytes));
}

async function read(objects: Objects, key: string): Promise<string | undefined> {
  const bytes = await objects.read(key, { bytesMax: 10_000 });
  return bytes && Buffer.from(bytes).toString();
}

function makeNarinfos(root: string, count: number): string[] {
  return Array.from({ length: count }, (_entry, i) => {
    writeFileSync(join(root, `${i}.narinfo`), `narinfo ${i}`);
    return `narinfo ${i}`;
  });
}

peerTest('nginx takes uploads, and gives them back', NGINX, async () => {
  using temp = makeTempDirectory();
  const dav = ['dav_methods PUT DELETE;', 'create_full_put_path on;'];
  await using nginx = await startNginx({ directory: temp.join('nginx'), directives: dav });
  await using objects = await openAt(`${nginx.origin}/my/cache`);
  const nar = Buffer.alloc(3_000_000, 'nar');
  const file = temp.join('spooled');
  writeFileSync(file, nar);
  const spooled = { file, size: nar.length, sha256: hashBytes('sha256', nar) };
  assert.equal(await objects.head('nar/x.nar'), undefined);
  await objects.put('nar/x.nar', spooled, { contentType: 'application/x-nix-nar' });
  await objects.put('x.narinfo', Buffer.from('info'), { contentType: 'text/x-nix-narinfo' });
  await objects.put('x.narinfo', Buffer.from('more'), { contentType: 'text/x-nix-narinfo' });
  await objects.put('empty', new Uint8Array(0), { contentType: 'text/plain' });
  assert.ok(existsSync(join(nginx.root, 'my/cache/nar/x.nar')));
  assert.deepEqual(await objects.head('nar/x.nar'), { size: nar.length });
  assert.ok((await readAll(objects, 'nar/x.nar')).equals(nar));
  assert.equal(await read(objects, 'x.narinfo'), 'more');
  assert.equal(await read(objects, 'empty'), '');
  await objects.delete?.('x.narinfo');
  await objects.delete?.('x.narinfo');
  assert.equal(await read(objects, 'x.narinfo'), undefined);
  assert.deepEqual(objects.said, []);
});

peerTest('an nginx without uploads says so', NGINX, async () => {
  using temp = makeTempDirectory();
  await using nginx = await startNginx({ directory: temp.path });
  await using objects = await openAt(nginx.origin);
  const put = objects.put('x', Buffer.from('x'), { contentType: 'text/plain' });
  await assert.rejects(put, (error) => isFerryError(error, 'unsupported'));
});

peerTest('nginx may close connections as often as it likes', NGINX, async () => {
  using temp = makeTempDirectory();
  const directives = ['keepalive_requests 7;'];
  await using nginx = await startNginx({ directory: temp.path, directives });
  const texts = makeNarinfos(nginx.root, 500);
  await using objects = await openAt(nginx.origin);
  assert.deepEqual(
    await Promise.all(texts.map((_text, i) => read(objects, `${i}.narinfo`))),
    texts,
  );
  assert.deepEqual(objects.said, []);
});

peerTest(
  'over a link that breaks again and again, a large object arrives whole',
  NGINX,
  async () => {
    using temp = makeTempDirectory();
    await using nginx = await startNginx({ directory: temp.path });
    const nar = Buffer.alloc(8_000_000);
    for (let at = 0; at < nar.length; at += 4) nar.writeUInt32LE(at, at);
    writeFileSync(join(nginx.root, 'x'), nar);
    const fault = { kind: 'cut', direction: 'down', afterBytes: 1_200_000 } as const;
    await using relay = await startRelay({ port: nginx.port, fault });
    await using objects = await openAt(`http://127.0.0.1:${relay.port}`);
    assert.ok((await readAll(objects, 'x')).equals(nar));
    assert.ok(relay.connections() > 5);
  },
);

peerTest('narinfos over a long link are asked for ahead of their answers', NGINX, async () => {
  using temp = makeTempDirectory();
  await using nginx = await startNginx({ directory: temp.path });
  const texts = makeNarinfos(nginx.root, 1000);
  const link = { delayMs: 25 };
  await using relay = await startRelay({ port: nginx.port, up: link, down: link });
  await using objects = await openAt(`http://127.0.0.1:${relay.port}`);
  assert.deepEqual(
    await Promise.all(texts.map((_text, i) => read(objects, `${i}.narinfo`))),
    texts,
  );
  assert.ok(relay.connections() <= 25);
});

for (const http2 of [true, false]) {
  peerTest(
    `over TLS nginx is spoken to with ${http2 ? 'HTTP/2' : 'HTTP/1.1'}`,
    NGINX_TLS,
    async () => {
      using temp = makeTempDirectory();
      const authority = await makeAuthority(temp.join('ca'));
      mkdirSync(temp.join('nginx'));
      await using nginx = await startNginx({
        directory: temp.join('nginx'),
        tls: authority.server,
        http2,
        directives: ['dav_methods PUT;', 'create_full_put_path on;'],
      });
      const texts = makeNarinfos(nginx.root, 300);
      await using objects = await openAt(nginx.origin, { tls: { caFile: authority.caFile } });
      assert.deepEqual(
        await Promise.all(texts.map((_text, i) => read(objects, `${i}.narinfo`))),
        texts,
      );
      const nar = Buffer.alloc(5_000_000, 'nar');
      await objects.put('nar/x', nar, { contentType: 'application/x-nix-nar' });
      assert.ok((await readAll(objects, 'nar/x')).equals(nar));
      assert.equal(await objects.head('none'), undefined);
      assert.deepEqual(objects.said, []);
    },
  );
}
