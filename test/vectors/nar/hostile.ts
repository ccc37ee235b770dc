/** Archives that must be refused, each for one reason. The offset is where the reader finds it to be wrong. */
import {
  bytesOf,
  directory,
  entry,
  file,
  helloNar,
  nar,
  nested,
  str,
  symlink,
  u64,
  withByte,
} from './build.ts';

export interface HostileNar {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly problem: RegExp;
  readonly offset: number;
}

/** Where the first entry's name begins in an archive whose root is a directory. */
const FIRST_NAME = 24 + 16 + 16 + 24 + 16 + 16 + 16 + 8;
const BEFORE_ENTRY = 24 + 16 + 16 + 24;

function badName(name: string): Uint8Array {
  return nar(directory(entry(name, file(''))));
}

const second = (name: string): number =>
  BEFORE_ENTRY + entry(name, file('')).length + 16 + 16 + 16 + 8;

export const hostileNars: readonly HostileNar[] = [
  { name: 'name "."', bytes: badName('.'), problem: /name "\." is not/, offset: FIRST_NAME },
  { name: 'name ".."', bytes: badName('..'), problem: /name "\.\." is not/, offset: FIRST_NAME },
  { name: 'name with a slash', bytes: badName('../x'), problem: /slash/, offset: FIRST_NAME },
  { name: 'name that is absolute', bytes: badName('/tmp/x'), problem: /slash/, offset: FIRST_NAME },
  { name: 'name with a NUL', bytes: badName('a\0b'), problem: /NUL/, offset: FIRST_NAME },
  { name: 'empty name', bytes: badName(''), problem: /name is empty/, offset: FIRST_NAME - 8 },
  {
    name: 'name of 256 bytes',
    bytes: badName('n'.repeat(256)),
    problem: /name has 256 bytes, more than 255/,
    offset: FIRST_NAME - 8,
  },
  {
    name: 'name of 2^63 bytes',
    bytes: nar(bytesOf('(', 'type', 'directory', 'entry', '(', 'name', u64(2n ** 63n))),
    problem: /past 2\^53/,
    offset: FIRST_NAME - 8,
  },
  {
    name: 'name that comes twice',
    bytes: nar(directory(entry('a', file('')), entry('a', file('')))),
    problem: /"a" comes twice/,
    offset: second('a'),
  },
  {
    name: 'names that are out of order',
    bytes: nar(directory(entry('b', file('')), entry('a', file('')))),
    problem: /"a" comes after "b"/,
    offset: second('b'),
  },
  {
    name: 'names in the order of signed bytes',
    bytes: nar(directory(entry('\xff', file('')), entry('a', file('')))),
    problem: /comes after/,
    offset: second('\xff'),
  },
  {
    name: 'symlink and then a directory of that name',
    bytes: nar(
      directory(entry('a', symlink('/tmp')), entry('a', directory(entry('evil', file('x'))))),
    ),
    problem: /"a" comes twice/,
    offset: BEFORE_ENTRY + entry('a', symlink('/tmp')).length + 16 + 16 + 16 + 8,
  },
  {
    name: 'symlink and then an entry below it',
    bytes: nar(directory(entry('a', symlink('/tmp')), entry('a/evil', file('x')))),
    problem: /slash/,
    offset: BEFORE_ENTRY + entry('a', symlink('/tmp')).length + 16 + 16 + 16 + 8,
  },
  {
    name: 'node at depth 64',
    bytes: nar(nested(64, file('deep'))),
    problem: /deeper than 63/,
    offset: 24 + 64 * (16 + 16 + 24) + 63 * (16 + 16 + 16 + 16 + 16),
  },
  {
    name: 'directories without end',
    bytes: nar(
      bytesOf(
        ...Array.from({ length: 2_000 }).flatMap(() => [
          '(',
          'type',
          'directory',
          'entry',
          '(',
          'name',
          'd',
          'node',
        ]),
      ),
    ),
    problem: /deeper than 63/,
    offset: 24 + 64 * (16 + 16 + 24) + 63 * (16 + 16 + 16 + 16 + 16),
  },
  {
    name: 'contents of 2^63 bytes',
    bytes: nar(bytesOf('(', 'type', 'regular', 'contents', u64(2n ** 63n), str('x'))),
    problem: /contents is past 2\^53/,
    offset: 24 + 16 + 16 + 16 + 16,
  },
  {
    name: 'contents of 2^53 bytes',
    bytes: nar(bytesOf('(', 'type', 'regular', 'contents', u64(2n ** 53n), str('x'))),
    problem: /contents is past 2\^53/,
    offset: 24 + 16 + 16 + 16 + 16,
  },
  {
    name: 'executable after contents',
    bytes: nar(bytesOf('(', 'type', 'regular', 'contents', '', 'executable', '', ')')),
    problem: /"\)" is missing/,
    offset: 24 + 16 + 16 + 16 + 16 + 8,
  },
  {
    name: 'executable with a value',
    bytes: nar(bytesOf('(', 'type', 'regular', 'executable', '1', 'contents', '', ')')),
    problem: /"" is missing/,
    offset: 24 + 16 + 16 + 16 + 24,
  },
  {
    name: 'executable twice',
    bytes: nar(
      bytesOf('(', 'type', 'regular', 'executable', '', 'executable', '', 'contents', '', ')'),
    ),
    problem: /"contents" is missing/,
    offset: 24 + 16 + 16 + 16 + 24 + 8,
  },
  {
    name: 'two contents',
    bytes: nar(bytesOf('(', 'type', 'regular', 'contents', 'a', 'contents', 'b', ')')),
    problem: /"\)" is missing/,
    offset: 24 + 16 + 16 + 16 + 16 + 16,
  },
  {
    name: 'no contents',
    bytes: nar(bytesOf('(', 'type', 'regular', ')')),
    problem: /"contents" or "executable" is missing/,
    offset: 24 + 16 + 16 + 16,
  },
  {
    name: 'no target',
    bytes: nar(bytesOf('(', 'type', 'symlink', ')')),
    problem: /"target" is missing/,
    offset: 24 + 16 + 16 + 16,
  },
  {
    name: 'empty target',
    bytes: nar(symlink('')),
    problem: /target is empty/,
    offset: 24 + 16 + 16 + 16 + 16,
  },
  {
    name: 'target with a NUL',
    bytes: nar(symlink('a\0b')),
    problem: /NUL/,
    offset: 24 + 16 + 16 + 16 + 16 + 8,
  },
  {
    name: 'target of 4096 bytes',
    bytes: nar(symlink('t'.repeat(4096))),
    problem: /target has 4096 bytes, more than 4095/,
    offset: 24 + 16 + 16 + 16 + 16,
  },
  {
    name: 'no type',
    bytes: nar(bytesOf('(', ')')),
    problem: /"type" is missing/,
    offset: 24 + 16,
  },
  {
    name: 'unknown type',
    bytes: nar(bytesOf('(', 'type', 'fifo', ')')),
    problem: /"regular" or "symlink" or "directory" is missing/,
    offset: 24 + 16 + 16,
  },
  {
    name: 'entry without node',
    bytes: nar(directory(bytesOf('entry', '(', 'name', 'a', ')'))),
    problem: /"node" is missing/,
    offset: FIRST_NAME + 8,
  },
  {
    name: 'entry without name',
    bytes: nar(directory(bytesOf('entry', '(', 'node', file(''), ')'))),
    problem: /"name" is missing/,
    offset: BEFORE_ENTRY + 32,
  },
  {
    name: 'word of 2^40 bytes',
    bytes: nar(bytesOf(u64(2n ** 40n), new Uint8Array(4096))),
    problem: /"\(" is missing/,
    offset: 24,
  },
  {
    name: 'another magic',
    bytes: withByte(helloNar, 8 + 12, 0x32),
    problem: /does not begin as one/,
    offset: 0,
  },
  { name: 'text', bytes: Buffer.from('<html>404</html>'), problem: /does not begin/, offset: 0 },
  {
    name: 'padding of the magic that is not zero',
    bytes: withByte(helloNar, 8 + 13, 1),
    problem: /does not begin as one/,
    offset: 0,
  },
  {
    name: 'padding of a word that is not zero',
    bytes: withByte(helloNar, 24 + 9, 1),
    problem: /"\(" is missing/,
    offset: 24,
  },
  {
    name: 'padding of contents that is not zero',
    bytes: withByte(helloNar, 24 + 16 + 16 + 16 + 16 + 8 + 5, 1),
    problem: /padding of contents is not zero/,
    offset: 24 + 16 + 16 + 16 + 16 + 8 + 5,
  },
  {
    name: 'padding of a name that is not zero',
    bytes: withByte(badName('a'), FIRST_NAME + 7, 0x80),
    problem: /padding of name is not zero/,
    offset: FIRST_NAME + 7,
  },
  {
    name: 'padding of a target that is not zero',
    bytes: withByte(nar(symlink('a')), 24 + 16 + 16 + 16 + 16 + 8 + 1, 1),
    problem: /padding of target is not zero/,
    offset: 24 + 16 + 16 + 16 + 16 + 8 + 1,
  },
];
