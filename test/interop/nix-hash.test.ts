/** `nix-hash` beside that of Nix 2.34. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openBesideNix } from '../support/beside-nix.ts';
import type { NixHome } from '../support/nix-home.ts';
import { peerTest } from '../support/peers.ts';

async function makeFiles({ path }: NixHome): Promise<void> {
  const at = (...parts: readonly string[]): string => join(path, ...parts);
  mkdirSync(at('tree/sub'), { recursive: true });
  writeFileSync(at('tree/sub/run'), '#!/bin/sh\n', { mode: 0o744 });
  symlinkSync('sub/run', at('tree/link'));
  writeFileSync(at('hello.txt'), 'hello');
  writeFileSync(at('empty'), '');
  writeFileSync(at('large'), Buffer.alloc(3 << 20, 'large'));
  symlinkSync('hello.txt', at('link'));
  symlinkSync('nowhere', at('dangling'));
}

const SHA1 = 'da39a3ee5e6b4b0d3255bfef95601890afd80709';
const NIX32 = '0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk84j81zvby36q9whhhqa';
const SRI = 'sha256-CkMIecJm+LV/QJKg+TXPP6zUi7zN5XYNR0jKQFFx6Wk=';

const LINES: readonly string[] = [
  'hello.txt',
  'hello.txt tree link dangling empty large tree/',
  'nowhere',
  'hello.txt nowhere tree',
  'HOME/tree ./hello.txt tree/sub/../link',
  '--flat hello.txt link empty large',
  '--flat tree',
  '--flat dangling',
  '--flat hello.txt nowhere empty',
  '--flat /dev/null',
  '--type md5 tree',
  '--type sha1 tree',
  '--type sha256 tree hello.txt',
  '--type sha512 tree',
  '--type frob tree',
  '--type SHA256 tree',
  '--type blake3 tree',
  '--type',
  'tree --type sha256',
  '--type sha1 --type sha256 tree',
  '--type sha256 --base16 tree',
  '--type sha256 --base32 tree',
  '--type sha256 --base64 tree',
  '--type sha256 --sri tree',
  '--sri tree',
  '--type sha512 --base32 --flat hello.txt',
  '--type sha256 --base64 --base16 tree',
  '--type sha256 --truncate tree',
  '--type sha256 --truncate --base32 tree',
  '--type sha256 --truncate --sri --flat hello.txt',
  '--type sha512 --truncate --base64 tree',
  '--type sha1 --truncate tree',
  '--truncate tree',
  '--to-base16',
  `--to-base16 ${NIX32}`,
  `--to-base16 --type sha256 ${NIX32}`,
  `--type sha256 --to-base32 sha256:${NIX32} ${SRI}`,
  `--to-base64 sha1:${SHA1}`,
  `--to-sri sha1:${SHA1}`,
  `--to-sri --type sha1 ${SHA1.toUpperCase()}`,
  `--to-base16 --to-sri sha1:${SHA1}`,
  `--to-sri --base16 sha1:${SHA1}`,
  `--to-base32 --type sha256 sha1:${SHA1}`,
  `--to-base16 ${SRI}`,
  `--to-base16 ${SRI.slice(0, -1)}`,
  `--to-base16 ${SRI.replace('k=', 'l=')}`,
  `--to-base16 sha256:${SRI.slice(7)}`,
  `--to-base16 sha256:${SRI.slice(7, -1)}`,
  '--to-base16 sha256-da39',
  '--to-base16 sha256-',
  '--to-base16 zz',
  `--to-base16 sha1:zz${SHA1.slice(2)}`,
  `--to-base16 --type sha256 z${'0'.repeat(51)}`,
  `--to-base16 --type sha256 ${NIX32} bad ${NIX32}`,
  '--to-base16 --type md5 1B2M2Y8AsgTpgAmY7PhCfg==',
  '--to-base16 md5-1B2M2Y8AsgTpgAmY7PhCfh==',
  '--to-base32 frob:aa',
  `--to-base32 --truncate --type sha256 ${NIX32}`,
  '--frob',
  '-',
  '--type sha256 -- hello.txt',
  '-v hello.txt',
  '--quiet hello.txt',
  '--no-sandbox hello.txt',
  '--option cores 1 hello.txt',
  '--store nope:// hello.txt',
];

peerTest('hashes are those of Nix, in all spellings', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'), { prepareEach: makeFiles });
  await beside.compare('nix-hash', []);
  for (const line of LINES) await beside.compare('nix-hash', line);
  await beside.compare('nix-hash', ['--flat', '']);
  await beside.compare('nix-hash', ['--flat', '/dev/stdin'], { input: 'piped' });
});
