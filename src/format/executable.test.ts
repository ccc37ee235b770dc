import assert from 'node:assert/strict';
import { closeSync, openSync, readSync } from 'node:fs';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { describeProgram, programHeadBytes } from './executable.ts';

interface Elf {
  readonly width?: number;
  readonly order?: number;
  readonly abi?: number;
  readonly type?: number;
  readonly machine: number;
  readonly flags?: number;
}

function elf({ width = 2, order = 1, abi = 0, type = 3, machine, flags = 0 }: Elf): Uint8Array {
  const bytes = new Uint8Array(64);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, width, order, 1, abi]);
  const view = new DataView(bytes.buffer);
  view.setUint16(16, type, order === 1);
  view.setUint16(18, machine, order === 1);
  view.setUint32(width === 2 ? 48 : 36, flags, order === 1);
  return bytes;
}

function words(...values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, index * 4);
  return bytes;
}

function littleWords(...values: readonly number[]): Uint8Array {
  return Buffer.from(words(...values)).swap32();
}

const systems: readonly (readonly [string, Uint8Array, string | undefined])[] = [
  ['x86-64', elf({ machine: 62 }), 'x86_64-linux'],
  ['x86-64, for Linux by name', elf({ machine: 62, abi: 3 }), 'x86_64-linux'],
  ['x86-64 of FreeBSD', elf({ machine: 62, abi: 9 }), 'x86_64-freebsd'],
  ['x86-64, static', elf({ machine: 62, type: 2 }), 'x86_64-linux'],
  ['x32', elf({ machine: 62, width: 1 }), undefined],
  ['i386', elf({ machine: 3, width: 1 }), 'i686-linux'],
  ['AArch64', elf({ machine: 183 }), 'aarch64-linux'],
  ['AArch64, big-endian', elf({ machine: 183, order: 2 }), 'aarch64_be-linux'],
  ['ARM', elf({ machine: 40, width: 1 }), 'armv5tel-linux'],
  ['ARM, hard float', elf({ machine: 40, width: 1, flags: 0x5000400 }), 'armv6l-linux'],
  ['RISC-V', elf({ machine: 243 }), 'riscv64-linux'],
  ['PowerPC', elf({ machine: 21 }), 'powerpc64le-linux'],
  ['PowerPC, big-endian', elf({ machine: 21, order: 2 }), 'powerpc64-linux'],
  ['S/390', elf({ machine: 22, order: 2 }), 's390x-linux'],
  ['MIPS', elf({ machine: 8, width: 1, order: 2 }), 'mips-linux'],
  ['MIPS, little-endian', elf({ machine: 8 }), 'mips64el-linux'],
  ['a machine without a name', elf({ machine: 9999 }), undefined],
  ['an object file', elf({ machine: 62, type: 1 }), undefined],
  ['a kernel without a name', elf({ machine: 62, abi: 200 }), undefined],
  ['neither width', elf({ machine: 62, width: 3 }), undefined],
  ['cut short', elf({ machine: 62 }).subarray(0, 40), undefined],
  ['Mach-O, x86-64', littleWords(0xfeedfacf, 0x01000007, 3), 'x86_64-darwin'],
  ['Mach-O, ARM', littleWords(0xfeedfacf, 0x0100000c, 0), 'aarch64-darwin'],
  ['Mach-O, universal, of one', words(0xcafebabe, 1, 0x0100000c), 'aarch64-darwin'],
  ['Mach-O, universal, of two', words(0xcafebabe, 2, 0x0100000c), undefined],
  ['a class of Java', words(0xcafebabe, 52, 0), undefined],
  ['text', Buffer.from('hello'), undefined],
  ['nothing', new Uint8Array(0), undefined],
];

for (const [name, head, system] of systems) {
  test(`a program's system: ${name}`, () => {
    assert.deepEqual(
      describeProgram(head),
      system === undefined ? undefined : { kind: 'binary', system },
    );
  });
}

test('this program is for this machine', () => {
  const file = openSync(process.execPath, 'r');
  const head = new Uint8Array(programHeadBytes);
  readSync(file, head);
  closeSync(file);
  const machines: Partial<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };
  const machine = machines[process.arch] ?? process.arch;
  assert.deepEqual(describeProgram(head), {
    kind: 'binary',
    system: `${machine}-${process.platform}`,
  });
});

test('a script names its interpreter', () => {
  for (const [text, interpreter] of [
    ['#!/bin/sh\necho', '/bin/sh'],
    ['#! /usr/bin/env bash', '/usr/bin/env'],
    ['#!\t/bin/a -x\n', '/bin/a'],
    [`#!/${'x'.repeat(10_000)}`, `/${'x'.repeat(programHeadBytes - 3)}`],
  ] as const) {
    assert.deepEqual(describeProgram(Buffer.from(text)), { kind: 'script', interpreter });
  }
  for (const text of ['#!', '#!\n/bin/sh', '#!sh', '#']) {
    assert.equal(describeProgram(Buffer.from(text)), undefined);
  }
});

test('any bytes are described or not, and nothing is thrown', () => {
  const begins = fc.constantFrom(
    '',
    '\u007fELF\u0002\u0001\u0001',
    '#!',
    '\u00cf\u00fa\u00ed\u00fe',
  );
  fc.assert(
    fc.property(begins, fc.uint8Array({ maxLength: 100 }), (begin, rest) => {
      const program = describeProgram(Buffer.concat([Buffer.from(begin, 'latin1'), rest]));
      if (program?.kind === 'binary') assert.match(program.system, /^[a-z0-9_]+-[a-z]+$/);
      if (program?.kind === 'script') assert.match(program.interpreter, /^\//);
    }),
  );
});
