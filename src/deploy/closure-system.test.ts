import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { samplePath, toStream, type Sample } from '../../test/conformance/nars.ts';
import { makeTempDirectory } from '../../test/support/temp.ts';
import { utf8ByteString } from '../bytes/byte-string.ts';
import { FerryError } from '../error.ts';
import { hashBytes } from '../format/hash.ts';
import { NarEncoder } from '../format/nar/encoder.ts';
import type { StorePath } from '../format/store-path.ts';
import { MemoryStore } from '../store/memory.ts';
import type { Store } from '../store/store.ts';
import { overriding } from '../store/wrap/overriding.ts';
import { fitsSystem, systemOf } from './closure-system.ts';

type Tree = Uint8Array | { readonly link: string } | { readonly [name: string]: Tree };

function isDirectory(tree: Tree): tree is { readonly [name: string]: Tree } {
  return !(tree instanceof Uint8Array) && typeof (tree as { link?: unknown }).link !== 'string';
}

function encode(encoder: NarEncoder, name: string, tree: Tree): void {
  const entry = utf8ByteString(name);
  if (tree instanceof Uint8Array) {
    encoder.file(entry, { executable: true, size: tree.length });
    if (tree.length > 0) encoder.data(tree);
    encoder.endFile();
  } else if (isDirectory(tree)) {
    encoder.directory(entry);
    for (const [inner, one] of Object.entries(tree).sort(([a], [b]) => (a < b ? -1 : 1))) {
      encode(encoder, inner, one);
    }
    encoder.leave();
  } else {
    encoder.symlink(entry, utf8ByteString(tree['link']));
  }
}

function narOf(tree: Tree): Uint8Array {
  const chunks: Uint8Array[] = [];
  const encoder = new NarEncoder((chunk) => chunks.push(new Uint8Array(chunk)));
  encode(encoder, '', tree);
  encoder.end();
  return Buffer.concat(chunks);
}

function write(path: string, tree: Tree): void {
  if (tree instanceof Uint8Array) writeFileSync(path, tree);
  else if (isDirectory(tree)) {
    mkdirSync(path);
    for (const [name, one] of Object.entries(tree)) write(`${path}/${name}`, one);
  } else symlinkSync(tree['link'], path);
}

const elfOf = (machine: number, flags = 0): Uint8Array => {
  const bytes = new Uint8Array(5000);
  const isNarrow = machine === 40 || machine === 3;
  bytes.set([0x7f, 0x45, 0x4c, 0x46, isNarrow ? 1 : 2, 1, 1, 0]);
  const view = new DataView(bytes.buffer);
  view.setUint16(16, 3, true);
  view.setUint16(18, machine, true);
  view.setUint32(isNarrow ? 36 : 48, flags, true);
  return bytes;
};
const text = (content: string): Uint8Array => Buffer.from(content);
const x86 = elfOf(62);
const arm64 = elfOf(183);

interface Made {
  readonly tree: Tree;
  readonly drv?: string;
}

const pathOf = (name: string): StorePath => samplePath(name).info.path;

/** A store of these, told as NARs in small pieces; with `root` as trees below that directory. */
async function storeOf(
  made: Readonly<Record<string, Made>>,
  root?: string,
  chunkSize = 700,
): Promise<Store> {
  const store = new MemoryStore({ chunkSize });
  const add = async (name: string, nar: Uint8Array, deriver?: StorePath): Promise<void> => {
    const sample: Sample = samplePath(name);
    const { path } = sample.info;
    const facts = { narHash: hashBytes('sha256', nar), narSize: nar.length };
    const info = { ...sample.info, ...facts, ...(deriver === undefined ? {} : { deriver }) };
    await store.addPaths(
      (async function* () {
        yield { info, nar: toStream(path, nar) };
      })(),
    );
  };
  for (const [name, { tree, drv }] of Object.entries(made)) {
    const drvName = `${name}.drv`;
    if (drv !== undefined) await add(drvName, narOf(text(drv)));
    await add(name, narOf(tree), drv === undefined ? undefined : pathOf(drvName));
    if (root === undefined) continue;
    write(`${root}/${pathOf(name)}`, tree);
    if (drv !== undefined) write(`${root}/${pathOf(drvName)}`, text(drv));
  }
  if (root === undefined) return store;
  return overriding(store, {
    async *readNars(paths, options) {
      for await (const nar of store.readNars(paths, options)) {
        yield { path: nar.path, tree: `${root}/${nar.path}`, [Symbol.asyncIterator]: unread };
        for await (const _ of nar) break;
      }
    },
  });
}

function unread(): never {
  throw new Error('a tree is not read as a NAR');
}

const drvOf = (platform: string, hash = ''): string =>
  `Derive([("out","/nix/store/${pathOf('out')}","${hash === '' ? '' : 'sha256'}","${hash}")],[],[],"${platform}","/bin/sh",[],[])`;

const drvName = `/nix/store/${pathOf('tool')}`;

const cases: readonly (readonly [string, Readonly<Record<string, Made>>, unknown])[] = [
  [
    'a NixOS system says it itself, whoever built it',
    {
      root: {
        tree: {
          system: text('aarch64-linux'),
          'nixos-version': text('26.05'),
          bin: { 'switch-to-configuration': text('#!/bin/sh') },
        },
        drv: drvOf('x86_64-linux'),
      },
    },
    { system: 'aarch64-linux', how: 'nixos' },
  ],
  [
    'a file that happens to be called so says nothing',
    { root: { tree: { system: text('aarch64-linux'), bin: { a: x86 } } } },
    { system: 'x86_64-linux', how: 'elf' },
  ],
  [
    'programs come before the derivation: it may be cross-built',
    { root: { tree: { bin: { a: arm64 } }, drv: drvOf('x86_64-linux') } },
    { system: 'aarch64-linux', how: 'elf' },
  ],
  [
    'a script is for what its interpreter is for',
    {
      root: { tree: { bin: { a: text(`#!${drvName}/bin/sh -e\n`) } } },
      tool: { tree: { bin: { bash: arm64, sh: { link: 'bash' } } } },
    },
    { system: 'aarch64-linux', how: 'elf' },
  ],
  [
    'links to programs elsewhere are followed, those of a whole directory too',
    {
      root: { tree: { bin: { link: `${drvName}/bin` } } },
      tool: { tree: { bin: { link: 'libexec/real' }, libexec: { real: { prog: arm64 } } } },
    },
    { system: 'aarch64-linux', how: 'elf' },
  ],
  [
    'a path that is one program',
    { root: { tree: arm64 } },
    { system: 'aarch64-linux', how: 'elf' },
  ],
  [
    'programs of 32 bits among others of 64',
    { root: { tree: { bin: { a: elfOf(3), b: x86 } } } },
    { system: 'x86_64-linux', how: 'elf' },
  ],
  ['programs for several machines', { root: { tree: { bin: { a: arm64, b: x86 } } } }, undefined],
  [
    'which ARM it is, the derivation knows',
    { root: { tree: { bin: { a: elfOf(40, 0x400) } }, drv: drvOf('armv7l-linux') } },
    { system: 'armv7l-linux', how: 'derivation' },
  ],
  [
    'ARM that was built elsewhere',
    { root: { tree: { bin: { a: elfOf(40, 0x400) } }, drv: drvOf('x86_64-linux') } },
    { system: 'armv6l-linux', how: 'elf' },
  ],
  [
    'without programs the derivation is what there is',
    { root: { tree: { share: { a: text('') } }, drv: drvOf('riscv64-linux') } },
    { system: 'riscv64-linux', how: 'derivation' },
  ],
  ['a builtin runs anywhere', { root: { tree: text(''), drv: drvOf('builtin') } }, undefined],
  [
    'what is fetched says nothing',
    { root: { tree: text(''), drv: drvOf('x86_64-linux', 'ab'.repeat(32)) } },
    undefined,
  ],
  ['a derivation that is none', { root: { tree: text(''), drv: 'Derive(' } }, undefined],
  ['a link that bites its tail', { root: { tree: { bin: { a: { link: 'a' } } } } }, undefined],
  [
    'links out of the store, above it, and to what is not there',
    {
      root: {
        tree: {
          bin: {
            a: { link: '/bin/sh' },
            b: { link: '../../../../../etc/passwd' },
            c: { link: `${drvName}/bin/c` },
            d: { link: '../../not-a-path' },
            e: text('#!/usr/bin/env bash'),
            f: { link: `/nix/store/../../${drvName}/x` },
          },
        },
      },
    },
    undefined,
  ],
];

for (const [name, made, wanted] of cases) {
  test(`the system of a closure: ${name}`, async () => {
    await using temp = makeTempDirectory();
    assert.deepEqual(await systemOf(await storeOf(made), pathOf('root')), wanted, 'by NARs');
    const asTrees = await storeOf(made, temp.path);
    assert.deepEqual(await systemOf(asTrees, pathOf('root')), wanted, 'by trees');
  });
}

test('no more of a NAR is read than may be of use, nor more paths than a few', async () => {
  const big = new Uint8Array(20 << 20);
  const made: Record<string, Made> = { root: { tree: { a: big, system: text('x-y') } } };
  const store = await storeOf(made, undefined, 1 << 20);
  let bytes = 0;
  const counting = overriding(store, {
    async *readNars(paths, options) {
      for await (const nar of store.readNars(paths, options)) {
        yield { path: nar.path, [Symbol.asyncIterator]: () => count(nar) };
      }
    },
  });
  async function* count(nar: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of nar) {
      bytes += chunk.length;
      yield chunk;
    }
  }
  assert.equal(await systemOf(counting, pathOf('root')), undefined);
  assert.ok(bytes < 18 << 20, `${bytes}`);
});

test('a store that cannot answer is an error, and an abort is one', async () => {
  const store = await storeOf({ root: { tree: { bin: { a: x86 } } } });
  const failure = new FerryError('unavailable', 'gone');
  const failing = overriding(store, {
    // oxlint-disable-next-line require-yield -- it never comes to that
    async *readNars() {
      throw failure;
    },
  });
  await assert.rejects(systemOf(failing, pathOf('root')), failure);
  const reason = new Error('enough');
  await assert.rejects(
    systemOf(store, pathOf('root'), { signal: AbortSignal.abort(reason) }),
    reason,
  );
});

test('what runs where', () => {
  const fitting = [
    ['x86_64-linux', 'x86_64-linux', []],
    ['i686-linux', 'x86_64-linux', []],
    ['armv6l-linux', 'armv7l-linux', []],
    ['armv7l-linux', 'aarch64-linux', ['armv7l-linux']],
    ['armv6l-linux', 'aarch64-linux', ['armv7l-linux']],
    ['aarch64-linux', 'x86_64-linux', ['i686-linux', 'aarch64-linux']],
    ['builtin', 'riscv64-linux', []],
  ] as const;
  for (const [closure, host, extra] of fitting) {
    assert.ok(fitsSystem(closure, host, extra), `${closure} on ${host}`);
  }
  const failing = [
    ['x86_64-linux', 'i686-linux', []],
    ['armv7l-linux', 'aarch64-linux', []],
    ['armv7l-linux', 'armv6l-linux', []],
    ['aarch64-linux', 'x86_64-linux', ['i686-linux']],
    ['x86_64-darwin', 'aarch64-darwin', []],
    ['x86_64-linux', 'x86_64-darwin', []],
  ] as const;
  for (const [closure, host, extra] of failing) {
    assert.ok(!fitsSystem(closure, host, extra), `${closure} on ${host}`);
  }
});
