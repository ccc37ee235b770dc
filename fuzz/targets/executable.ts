/** The first bytes of programs: whatever they are, they are described or not, by their head alone. */
import assert from 'node:assert/strict';
import { describeProgram, programHeadBytes } from '../../src/format/executable.ts';
import type { FuzzTarget } from '../target.ts';

const elf = Buffer.from(
  '\u007fELF\u0002\u0001\u0001\u0000'.padEnd(16, '\0') +
    '\u0003\u0000\u003e\u0000'.padEnd(48, '\0'),
  'latin1',
);

export const executableTarget: FuzzTarget = {
  name: 'executable',
  seeds: [
    elf,
    Buffer.from('cffaedfe0c000001000000000200000010000000', 'hex'),
    Buffer.from('cafebabe000000010100000c', 'hex'),
    Buffer.from('#! /usr/bin/env bash\n'),
  ],
  dictionary: [
    Buffer.from('#!'),
    Buffer.from('\n'),
    elf.subarray(0, 8),
    Buffer.from('b700', 'hex'),
    Buffer.from('2800', 'hex'),
  ],
  check: (input) => {
    const program = describeProgram(input);
    if (program?.kind === 'binary') assert.match(program.system, /^[a-z0-9_]+-[a-z]+$/);
    if (program?.kind === 'script') assert.match(program.interpreter, /^\/[^ \t\n\0]*$/);
    assert.deepEqual(describeProgram(input.subarray(0, programHeadBytes)), program);
  },
};
