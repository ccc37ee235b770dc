import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import {
  directory,
  entry,
  file,
  helloNar,
  nar,
  nested,
  richNar,
  symlink,
} from '../../../test/vectors/nar/build.ts';
import { hostileNars } from '../../../test/vectors/nar/hostile.ts';
import type { ByteString } from '../../bytes/byte-string.ts';
import { FerryError } from '../../error.ts';
import { formatHash } from '../hash.ts';
import { NarDecoder } from './decoder.ts';
import { NarEncoder } from './encoder.ts';
import { NarHasher } from './hash-nar.ts';
import { ignoreNar, type NarVisitor } from './visitor.ts';

/** The events of an archive as text, contents joined. */
function eventsOf(pieces: Iterable<Uint8Array>): { events: string[]; taken: number } {
  const events: string[] = [];
  let contents = '';
  const decoder = new NarDecoder({
    directory: (name) => events.push(`directory ${name}`),
    leave: () => events.push('leave'),
    file: (name, { size, executable, offset }) => {
      contents = '';
      events.push(`file ${name} ${size} ${executable} at ${offset}`);
    },
    data: (chunk) => {
      contents += Buffer.from(chunk).toString('latin1');
    },
    endFile: () => events.push(`contents ${contents}`),
    symlink: (name, target) => events.push(`symlink ${name} -> ${target}`),
  });
  let taken = 0;
  for (const piece of pieces) taken += decoder.push(piece);
  decoder.finish();
  return { events, taken };
}

function* cut(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length] ?? 1);
    yield bytes.slice(at, at + size);
    at += size;
  }
}

function decode(bytes: Uint8Array, visitor: NarVisitor = ignoreNar): NarDecoder {
  const decoder = new NarDecoder(visitor);
  decoder.push(bytes);
  return decoder;
}

describe('NarDecoder', () => {
  test('tells what is in an archive', () => {
    const bytes = nar(
      directory(
        entry('a', directory(entry('b', symlink('../c')))),
        entry('c', file('hello', { executable: true })),
        entry('d', file('')),
      ),
    );
    const { events } = eventsOf([bytes]);
    const at = Buffer.from(bytes).indexOf('hello');
    assert.deepEqual(events, [
      'directory ',
      'directory a',
      'symlink b -> ../c',
      'leave',
      `file c 5 true at ${at}`,
      'contents hello',
      `file d 0 false at ${bytes.length - 16 * 3}`,
      'contents ',
      'leave',
    ]);
  });

  test('gives the archive of real Nix its hash', () => {
    const hasher = new NarHasher();
    decode(helloNar, hasher).finish();
    const { narHash, narSize } = hasher.finish();
    assert.equal(
      formatHash(narHash),
      'sha256:0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk84j81zvby36q9whhhqa',
    );
    assert.equal(narSize, 120);
  });

  test('says the same however the archive is cut', () => {
    const { events } = eventsOf([richNar]);
    assert.deepEqual(eventsOf(cut(richNar, [1])).events, events);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1 }), (sizes) => {
        assert.deepEqual(eventsOf(cut(richNar, sizes)).events, events);
      }),
      { numRuns: 50 },
    );
  });

  test('takes no byte beyond the end', () => {
    for (const bytes of [richNar, helloNar, nar(symlink('x')), nar(directory())]) {
      const more = Buffer.concat([bytes, Buffer.from('and more')]);
      for (const size of [1, 7, 64, more.length]) {
        assert.equal(eventsOf(cut(more, [size])).taken, bytes.length);
      }
      const decoder = decode(more);
      assert.equal(decoder.done, true);
      assert.equal(decoder.offset, bytes.length);
      assert.equal(decoder.push(more), 0);
    }
  });

  test('refuses an archive that ends at any byte before its end', () => {
    for (let size = 0; size < richNar.length; size++) {
      const decoder = decode(richNar.subarray(0, size));
      assert.equal(decoder.done, false);
      assert.throws(
        () => decoder.finish(),
        (error) => error instanceof FerryError && error.code === 'corrupt' && error.offset === size,
      );
    }
  });

  for (const { name, bytes, problem, offset } of hostileNars) {
    test(`refuses: ${name}`, () => {
      for (const size of [bytes.length, 1, 13]) {
        assert.throws(
          () => eventsOf(cut(bytes, [size])),
          (error) => {
            assert.ok(error instanceof FerryError);
            assert.equal(error.code, 'corrupt');
            assert.match(error.message, problem);
            assert.equal(error.offset, offset);
            return true;
          },
        );
      }
    });
  }

  test('takes a node at depth 63', () => {
    decode(nar(nested(63, file('deep')))).finish();
    decode(nar(nested(63, directory()))).finish();
  });

  test('takes the longest name and the longest target', () => {
    decode(nar(directory(entry('n'.repeat(255), symlink('t'.repeat(4095)))))).finish();
  });

  test('names the entry in which it is wrong', () => {
    const bytes = nar(directory(entry('bin', directory(entry('x', Buffer.alloc(64))))));
    assert.throws(() => decode(bytes), /cannot read NAR at byte \d+ in "bin\/x": "\(" is missing/);
  });

  test('stays failed', () => {
    const decoder = new NarDecoder(ignoreNar);
    let first: unknown;
    try {
      decoder.push(Buffer.from('not a NAR at all'));
    } catch (error) {
      first = error;
    }
    for (const again of [() => decoder.push(helloNar), () => decoder.finish()]) {
      assert.throws(again, (error) => error === first);
    }
  });

  test('stays failed after its visitor failed', () => {
    const full = new FerryError('no-space', 'full');
    const decoder = new NarDecoder({
      ...ignoreNar,
      data: () => {
        throw full;
      },
    });
    assert.throws(() => decoder.push(helloNar), full);
    assert.throws(() => decoder.push(new Uint8Array(8)), full);
  });
});

type Tree = { contents: Uint8Array; executable: boolean } | { target: string } | Map<string, Tree>;

const treeArbitrary: fc.Arbitrary<Tree> = fc.letrec<{ tree: Tree; leaf: Tree }>((tie) => ({
  leaf: fc.oneof(
    fc.record({ contents: fc.uint8Array({ maxLength: 40 }), executable: fc.boolean() }),
    fc.record({ target: fc.string({ minLength: 1, unit: latin1({ min: 1 }) }) }),
  ),
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    tie('leaf'),
    fc
      .array(fc.tuple(fc.string({ minLength: 1, unit: latin1({ min: 0x30 }) }), tie('tree')), {
        maxLength: 5,
      })
      .map((entries) => new Map(entries)),
  ),
})).tree;

function latin1(range: { min: number }): fc.Arbitrary<string> {
  return fc.integer({ ...range, max: 255 }).map((code) => String.fromCharCode(code));
}

function tell(visitor: NarVisitor, tree: Tree, name: string): void {
  const bytes = name as ByteString;
  if (tree instanceof Map) {
    visitor.directory(bytes);
    for (const [key, node] of [...tree].sort(([a], [b]) => (a < b ? -1 : 1))) {
      tell(visitor, node, key);
    }
    visitor.leave();
  } else if ('target' in tree) {
    visitor.symlink(bytes, tree.target as ByteString);
  } else {
    visitor.file(bytes, { executable: tree.executable, size: tree.contents.length });
    visitor.data(tree.contents);
    visitor.endFile();
  }
}

function encodeWith(chunkSize: number, drive: (visitor: NarVisitor) => void): Uint8Array {
  const chunks: Uint8Array[] = [];
  const encoder = new NarEncoder((chunk) => chunks.push(chunk.slice()), { chunkSize });
  drive(encoder);
  encoder.end();
  const bytes = Buffer.concat(chunks);
  assert.equal(encoder.size, bytes.length);
  return new Uint8Array(bytes);
}

describe('NarEncoder', () => {
  test('writes what the decoder reads', () => {
    fc.assert(
      fc.property(treeArbitrary, (tree) => {
        const bytes = encodeWith(1 << 16, (visitor) => tell(visitor, tree, ''));
        const again = encodeWith(1 << 13, (visitor) => decode(bytes, visitor).finish());
        assert.deepEqual(again, bytes);
      }),
      { numRuns: 200 },
    );
  });

  test('writes the same whatever the size of its chunks', () => {
    const contents = 'c'.repeat(100_001);
    const bytes = nar(directory(entry('a', file(contents)), entry('b', file(contents))));
    for (const chunkSize of [8192, 65_536, 1 << 20]) {
      assert.deepEqual(
        encodeWith(chunkSize, (visitor) => decode(bytes, visitor)),
        bytes,
      );
    }
  });

  test('fills the buffers it is given, and never writes to one that was emitted', () => {
    const contents = 'c'.repeat(100_001);
    const bytes = nar(directory(entry('a', file(contents)), entry('b', file(contents))));
    const chunks: Uint8Array[] = [];
    const nextBuffer = (): Uint8Array => new Uint8Array(10_000);
    const encoder = new NarEncoder((chunk) => chunks.push(chunk), { nextBuffer });
    decode(bytes, encoder);
    encoder.end();
    assert.deepEqual(new Uint8Array(Buffer.concat(chunks)), bytes);
    assert.ok(chunks.every((chunk) => chunk.length <= 10_000));
  });

  test('takes it for a bug when it is driven wrongly', () => {
    const a = 'a' as ByteString;
    const root = '' as ByteString;
    const wrong: ((encoder: NarEncoder) => void)[] = [
      (encoder) => encoder.end(),
      (encoder) => encoder.leave(),
      (encoder) => encoder.directory(a),
      (encoder) => {
        encoder.directory(root);
        encoder.directory(a);
        encoder.leave();
        encoder.directory(a);
      },
      (encoder) => {
        encoder.file(root, { executable: false, size: 1 });
        encoder.endFile();
      },
      (encoder) => {
        encoder.file(root, { executable: false, size: 1 });
        encoder.data(new Uint8Array(2));
      },
    ];
    for (const drive of wrong) {
      assert.throws(() => drive(new NarEncoder(() => {})), { code: 'internal' });
    }
  });
});
