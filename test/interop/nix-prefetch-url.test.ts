/** `nix-prefetch-url` beside that of Nix 2.34, both fetching from the same server. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openBesideNix } from '../support/beside-nix.ts';
import { startHttpServer, type HttpServer } from '../support/http-server.ts';
import type { NixHome } from '../support/nix-home.ts';
import { peerTest } from '../support/peers.ts';
import { runOk } from '../support/run.ts';
import { makeTempDirectory } from '../support/temp.ts';

const HELLO = '094qif9n4cq4fdg459qzbhg1c6wywawwaaivx0k0x8xhbyx4vwic';
const ZEROS = '0'.repeat(52);

/** A file, and archives of one directory, of two, of one file and of nothing. */
async function fill({ objects }: HttpServer): Promise<void> {
  using temp = makeTempDirectory();
  mkdirSync(temp.join('one'));
  writeFileSync(temp.join('one/run'), '#!/bin/sh\n', { mode: 0o755 });
  writeFileSync(temp.join('two'), 'two');
  const tar = (...words: readonly string[]): Promise<string> =>
    runOk('tar', words, { cwd: temp.path });
  await tar('-cf', 'one.tar', 'one');
  await tar('-czf', 'one.tar.gz', 'one');
  await tar('-cJf', 'one.tar.xz', 'one');
  await tar('-cf', 'two.tar', 'one', 'two');
  await tar('-cf', 'file.tar', 'two');
  await tar('-cf', 'empty.tar', '-T', '/dev/null');
  for (const name of readdirSync(temp.path)) {
    if (name.includes('.tar')) objects.set(name, readFileSync(temp.join(name)));
  }
  for (const name of ['hello.txt', 'a%20b.txt', '.hidden', 'deep/file', 'redirected']) {
    objects.set(name, Buffer.from('hello'));
  }
}

async function makeFile({ path }: NixHome): Promise<void> {
  writeFileSync(join(path, 'local.txt'), 'hello');
}

peerTest('files are fetched as Nix fetches them', { nix: ['2.34'] }, async (nix) => {
  await using server = await startHttpServer();
  await fill(server);
  server.fail({ path: /^redirect$/, status: 302, headers: { location: '/redirected' } });
  await using beside = await openBesideNix(nix('2.34'), { prepareEach: makeFile });
  const url = server.origin;
  const lines: readonly string[] = [
    `${url}/hello.txt`,
    `--print-path ${url}/hello.txt`,
    `${url}/hello.txt ${HELLO}`,
    `--print-path ${url}/hello.txt sha256:${HELLO}`,
    `${url}/hello.txt ${ZEROS}`,
    `${url}/hello.txt zz`,
    `--type md5 --print-path ${url}/hello.txt`,
    `--type sha1 --print-path ${url}/hello.txt`,
    `--type sha512 --print-path ${url}/hello.txt`,
    `--type md5 ${url}/hello.txt 5d41402abc4b2a76b9719d911017c592`,
    `--type sha1 ${url}/hello.txt sha256:${HELLO}`,
    `--type frob ${url}/hello.txt`,
    `--type blake3 ${url}/hello.txt`,
    `--name other --print-path ${url}/hello.txt`,
    `--name a/b ${url}/hello.txt`,
    `--executable --print-path ${url}/hello.txt`,
    `--executable ${url}/hello.txt ${HELLO}`,
    `--unpack --print-path ${url}/one.tar`,
    `--unpack --print-path ${url}/one.tar.gz`,
    `--unpack --print-path ${url}/one.tar.xz`,
    `--unpack --print-path ${url}/two.tar`,
    `--unpack --print-path ${url}/file.tar`,
    `--unpack --name source --print-path ${url}/one.tar.gz`,
    `--unpack ${url}/empty.tar`,
    `--unpack ${url}/hello.txt`,
    `--unpack ${url}/one.tar ${ZEROS}`,
    `--print-path ${url}/redirect`,
    `--print-path ${url}/hello.txt?query=yes`,
    `--print-path ${url}/deep/file`,
    `--print-path ${url}/.hidden`,
    `--print-path ${url}/a%20b.txt`,
    `--print-path --name ab ${url}/a%20b.txt`,
    `${url}/`,
    url,
    `${url}/nothing`,
    // What the store has isn't asked for.
    `--print-path --name hello.txt ${url}/nothing ${HELLO}`,
    `--print-path file://HOME/local.txt`,
    'file://HOME/nothing',
    'hello.txt',
    'frob://server/hello.txt',
    'mirror://gnu/hello',
    '-A src HOME/nothing.nix',
    '',
    `${url}/hello.txt ${HELLO} more`,
    `--frob ${url}/hello.txt`,
    `--quiet ${url}/hello.txt`,
    `${url}/hello.txt --print-path`,
  ];
  for (const line of lines) {
    await beside.compare('nix-prefetch-url', line === '' ? [] : line);
  }
  const env = { PRINT_PATH: '1' };
  await beside.compare('nix-prefetch-url', `${url}/hello.txt`, { env });
  await beside.compare('nix-prefetch-url', `${url}/hello.txt`, { env: { PRINT_PATH: '0' } });
  await beside.compareStores('nix-store', '--dump-db');
  await beside.ours.verify();
});

peerTest('what is known of the path is said beside the hash', { nix: ['2.34'] }, async (nix) => {
  await using server = await startHttpServer();
  await fill(server);
  await using beside = await openBesideNix(nix('2.34'));
  const words = `${server.origin}/hello.txt`;
  const { ours } = await beside.compare('nix-prefetch-url', words, { stderr: true });
  assert.equal(ours.stdout, `${HELLO}\n`);
  await beside.compare('nix-prefetch-url', `--quiet ${words}`, { stderr: true });
  const mismatch = await beside.compare('nix-prefetch-url', `${words} ${ZEROS}`);
  assert.match(mismatch.ours.stderr, /^error: hash mismatch for '/);
});
