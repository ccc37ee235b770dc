import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import {
  directory,
  entry,
  file,
  helloNar,
  nar,
  richNar,
  symlink,
} from '../../../test/vectors/nar/build.ts';
import { formatHash } from '../hash.ts';
import { contentAddressHasher, type ContentAddressRequest } from './ca-hash.ts';
import { NarDecoder } from './decoder.ts';
import { ModuloHasher } from './hash-modulo.ts';
import { formatListing, ListingBuilder, parseListing } from './listing.ts';
import { MemberExtractor } from './member.ts';
import { HashPartScanner } from './scan.ts';
import { teeVisitor } from './tee.ts';
import { ignoreNar, type NarVisitor } from './visitor.ts';

function read(bytes: Uint8Array, visitor: NarVisitor): void {
  const decoder = new NarDecoder(visitor);
  decoder.push(bytes);
  decoder.finish();
}

function cutAt(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.slice(i * size, (i + 1) * size),
  );
}

test('teeVisitor tells all of them', () => {
  const seen: string[] = [];
  const visitor = (name: string): NarVisitor => ({
    ...ignoreNar,
    symlink: (_, target) => seen.push(`${name} ${target}`),
  });
  read(nar(symlink('x')), teeVisitor(visitor('a'), visitor('b')));
  assert.deepEqual(seen, ['a x', 'b x']);
});

describe('listing', () => {
  const bytes = nar(
    directory(
      entry('10', file('Q')),
      entry('9', directory()),
      entry('__proto__', file('12345678', { executable: true })),
      entry('l', symlink('9')),
    ),
  );

  test('is the JSON that Nix writes, and is read back', () => {
    const builder = new ListingBuilder();
    read(bytes, builder);
    const text = formatListing(builder.finish());
    const at = (contents: string): number => Buffer.from(bytes).indexOf(contents);
    assert.equal(
      text,
      `{"root":{"entries":{"10":{"narOffset":${at('Q')},"size":1,"type":"regular"},` +
        '"9":{"entries":{},"type":"directory"},' +
        `"__proto__":{"executable":true,"narOffset":${at('12345678')},"size":8,"type":"regular"},` +
        '"l":{"target":"9","type":"symlink"}},"type":"directory"},"version":1}',
    );
    assert.equal(formatListing(parseListing(text)).length, text.length);
    assert.deepEqual(JSON.parse(formatListing(parseListing(text))), JSON.parse(text));
  });

  test('of any release is read', () => {
    const root = parseListing(
      '{"version":1,"root":{"type":"regular","size":5,"executable":false,"narOffset":96}}',
    );
    assert.deepEqual(root, { type: 'regular', size: 5, executable: false, narOffset: 96 });
  });

  test('that is malformed is refused', () => {
    const deep = `${'{"type":"directory","entries":{"d":'.repeat(64)}{}${'}}'.repeat(64)}`;
    const wrong = [
      '',
      '[]',
      '{"version":2,"root":{}}',
      '{"version":1}',
      '{"version":1,"root":{"type":"fifo"}}',
      '{"version":1,"root":{"type":"regular"}}',
      '{"version":1,"root":{"type":"regular","size":-1}}',
      '{"version":1,"root":{"type":"regular","size":1,"executable":"no"}}',
      '{"version":1,"root":{"type":"regular","size":1,"narOffset":0.5}}',
      '{"version":1,"root":{"type":"symlink"}}',
      '{"version":1,"root":{"type":"directory","entries":[]}}',
      '{"version":1,"root":{"type":"directory","entries":{"..":{"type":"directory","entries":{}}}}}',
      `{"version":1,"root":${deep}}`,
    ];
    for (const text of wrong) assert.throws(() => parseListing(text), { code: 'corrupt' });
  });
});

describe('MemberExtractor', () => {
  const bytes = nar(
    directory(
      entry('bin', directory(entry('tool', file('#!tool', { executable: true })))),
      entry('link', symlink('bin')),
      entry('tool', file('another')),
      entry('\xc3\xa4', file('umlaut')),
    ),
  );
  const extract = (path: string): { contents: string; executable: boolean } => {
    let contents = '';
    const member = new MemberExtractor(path, (chunk) => {
      contents += Buffer.from(chunk).toString();
    });
    read(bytes, member);
    return { contents, executable: member.finish().executable };
  };

  test('gives the contents of one file', () => {
    assert.deepEqual(extract('/bin/tool'), { contents: '#!tool', executable: true });
    assert.deepEqual(extract('tool'), { contents: 'another', executable: false });
    assert.deepEqual(extract('ä'), { contents: 'umlaut', executable: false });
  });

  test('gives the root where it is a file', () => {
    let contents = '';
    const member = new MemberExtractor('/', (chunk) => {
      contents += Buffer.from(chunk).toString();
    });
    read(helloNar, member);
    assert.equal(member.finish().size, 5);
    assert.equal(contents, 'hello');
  });

  test('follows no symlink and takes no directory for a file', () => {
    assert.throws(() => extract('link/tool'), { code: 'not-found' });
    assert.throws(() => extract('missing'), { code: 'not-found' });
    assert.throws(() => extract('link'), { code: 'usage', message: /is a symlink/ });
    assert.throws(() => extract('bin'), { code: 'usage', message: /is a directory/ });
    assert.throws(() => extract(''), { code: 'usage', message: /is a directory/ });
  });
});

const SELF = 'q790zdjk75hm2cn42nh77pqw4gbv1b88';

describe('contentAddressHasher', () => {
  const hashOf = (bytes: Uint8Array, request: ContentAddressRequest): string[] => {
    const hasher = contentAddressHasher(request);
    read(bytes, hasher.visitor);
    return hasher.finish().map((hash) => formatHash(hash, 'base16'));
  };
  const sha256 = (...parts: (string | Uint8Array)[]): string => {
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    return `sha256:${hash.digest('hex')}`;
  };

  test('hashes the contents of a single file', () => {
    for (const method of ['flat', 'text'] as const) {
      assert.deepEqual(hashOf(helloNar, { method, algorithm: 'sha256' }), [sha256('hello')]);
    }
    assert.deepEqual(hashOf(helloNar, { method: 'flat', algorithm: 'sha1' }), [
      'sha1:aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d',
    ]);
    const program = nar(file('hello', { executable: true }));
    assert.deepEqual(hashOf(program, { method: 'flat', algorithm: 'sha256' }), [sha256('hello')]);
  });

  test('refuses anything else where a single file is wanted', () => {
    for (const root of [directory(), symlink('x')]) {
      assert.throws(() => hashOf(nar(root), { method: 'flat', algorithm: 'sha256' }), {
        code: 'corrupt',
        message: /wants a single file/,
      });
    }
  });

  test('hashes the archive', () => {
    assert.deepEqual(hashOf(richNar, { method: 'nar', algorithm: 'sha256' }), [sha256(richNar)]);
  });

  test('blanks what a path says of itself, with and without positions', () => {
    const bytes = nar(directory(entry('a', file(`-${SELF}${SELF}-`)), entry('b', symlink(SELF))));
    const blank = Buffer.from(bytes);
    const offsets: number[] = [];
    for (let at = blank.indexOf(SELF); at >= 0; at = blank.indexOf(SELF)) {
      offsets.push(at);
      blank.fill(0, at, at + SELF.length);
    }
    assert.equal(offsets.length, 3);
    const hashes = hashOf(bytes, { method: 'nar', algorithm: 'sha256', selfHashPart: SELF });
    const positions = offsets.map((offset) => `|${offset}`).join('');
    assert.deepEqual(hashes, [sha256(blank, positions), sha256(blank)]);
  });

  test('says the same however the bytes are cut', () => {
    const bytes = Buffer.from(`${SELF.slice(0, 31)}${SELF}x${SELF.slice(1)}${SELF}`);
    const modulo = (size: number): string[] => {
      const hasher = new ModuloHasher('sha256', SELF);
      for (const piece of cutAt(bytes, size)) hasher.update(piece);
      return hasher.finish().map((hash) => formatHash(hash));
    };
    const whole = modulo(bytes.length);
    assert.equal(whole.length, 2);
    for (let size = 1; size < bytes.length; size++) assert.deepEqual(modulo(size), whole);
  });

  test('gives one hash where a path does not mention itself', () => {
    const request = { method: 'nar', algorithm: 'sha256', selfHashPart: SELF } as const;
    assert.deepEqual(hashOf(richNar, request), [sha256(richNar)]);
  });
});

describe('HashPartScanner', () => {
  const OTHER = 'xfp2hphvk98rkk9ywlqpp587rjdcgnc2';
  const scan = (bytes: Uint8Array, size = bytes.length): string[] => {
    const scanner = new HashPartScanner([SELF, OTHER, '0'.repeat(32)]);
    for (const piece of cutAt(bytes, size)) scanner.update(piece);
    return [...scanner.found].sort();
  };

  test('finds what is mentioned, however the bytes are cut', () => {
    const bytes = Buffer.from(
      `abc${SELF.slice(1)}/nix/store/${OTHER}-x ${'1'.repeat(40)}00${SELF}`,
    );
    for (let size = 1; size <= bytes.length; size++) {
      assert.deepEqual(scan(bytes, size), [SELF, OTHER]);
    }
  });

  test('finds one inside a longer run of digits, and none that is cut short', () => {
    assert.deepEqual(scan(Buffer.from(`zzz${SELF}zzz`)), [SELF]);
    assert.deepEqual(scan(Buffer.from(`zzz${SELF.slice(0, 31)}e`)), []);
    assert.deepEqual(scan(Buffer.from(SELF.slice(1))), []);
  });

  test('takes hash parts alone', () => {
    assert.throws(() => new HashPartScanner(['short']), { code: 'usage' });
    assert.throws(() => new HashPartScanner(['e'.repeat(32)]), { code: 'usage' });
  });
});
