import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  readdirSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';
import {
  directory,
  entry,
  file,
  nar,
  nested,
  richNar,
  symlink,
} from '../../../test/vectors/nar/build.ts';
import { hostileNars } from '../../../test/vectors/nar/hostile.ts';
import { makeTempDirectory } from '../../../test/support/temp.ts';
import type { ByteString } from '../../bytes/byte-string.ts';
import { NarDecoder } from '../../format/nar/decoder.ts';
import { NarEncoder } from '../../format/nar/encoder.ts';
import { ignoreNar } from '../../format/nar/visitor.ts';
import { removeTree } from './remove-tree.ts';
import { walkTree } from './walk-tree.ts';
import { TreeWriter, type TreeWriterOptions } from './write-tree.ts';

function write(bytes: Uint8Array, target: string, options?: TreeWriterOptions): void {
  using writer = new TreeWriter(target, options);
  const decoder = new NarDecoder(writer);
  decoder.push(bytes);
  decoder.finish();
}

function pack(tree: string): Uint8Array {
  const chunks: Uint8Array[] = [];
  const encoder = new NarEncoder((chunk) => chunks.push(chunk.slice()));
  walkTree(tree, encoder);
  encoder.end();
  return new Uint8Array(Buffer.concat(chunks));
}

/** Mode and modification time of every node, by path; names as bytes. */
function metadataOf(root: string): Map<string, string> {
  const found = new Map<string, string>();
  const look = (path: string): void => {
    const bytes = Buffer.from(path, 'latin1');
    const stats = lstatSync(bytes);
    const mode = stats.isSymbolicLink() ? 'link' : (stats.mode & 0o7777).toString(8);
    found.set(path, `${mode} ${stats.mtimeMs / 1000}`);
    if (!stats.isDirectory()) return;
    for (const name of readdirSync(bytes, 'latin1')) look(`${path}/${name}`);
  };
  look(root);
  return found;
}

const isRoot = process.getuid?.() === 0;

describe('trees on disk', () => {
  test('come back as they were, whatever their names', () => {
    using temp = makeTempDirectory();
    for (const options of [{}, { canonical: false }, { sync: true }]) {
      const target = temp.join(`tree-${JSON.stringify(options).length}`);
      write(richNar, target, options);
      assert.deepEqual(pack(target), richNar);
      removeTree(target);
      assert.equal(existsSync(target), false);
    }
  });

  test('may be a single file or link, below a path that is not ASCII', () => {
    using temp = makeTempDirectory({ prefix: 'ferry-tést-' });
    for (const root of [file('hello'), file('#!', { executable: true }), symlink('/nowhere')]) {
      const target = temp.join('ziel-ä');
      write(nar(root), target);
      assert.deepEqual(pack(target), nar(root));
      removeTree(target);
    }
  });

  test('hold files larger than any buffer', () => {
    using temp = makeTempDirectory();
    const bytes = nar(directory(entry('large', file('0123456789'.repeat(70_001)))));
    write(bytes, temp.join('tree'));
    assert.deepEqual(pack(temp.join('tree')), bytes);
  });

  test('may be as deep as archives may be', () => {
    using temp = makeTempDirectory();
    const bytes = nar(nested(63, file('deep')));
    write(bytes, temp.join('tree'));
    assert.deepEqual(pack(temp.join('tree')), bytes);
    removeTree(temp.join('tree'));
  });
});

describe('walkTree', () => {
  test('takes a file for executable where its owner may execute it', () => {
    using temp = makeTempDirectory();
    const executable = (mode: number): boolean => {
      writeFileSync(temp.join('file'), '');
      chmodSync(temp.join('file'), mode);
      let isExecutable = false;
      const visitor = {
        ...ignoreNar,
        file: (_: ByteString, told: { executable: boolean }) => {
          isExecutable = told.executable;
        },
      };
      walkTree(temp.join('file'), visitor);
      removeTree(temp.join('file'));
      return isExecutable;
    };
    assert.deepEqual([0o744, 0o544, 0o677, 0o644].map(executable), [true, true, false, false]);
  });

  test('refuses what archives cannot hold', async () => {
    using temp = makeTempDirectory();
    mkdirSync(temp.join('tree'));
    const server = createServer().listen(temp.join('tree/socket'));
    await once(server, 'listening');
    assert.throws(() => walkTree(temp.join('tree'), ignoreNar), {
      code: 'unsupported',
      message: /cannot pack ".*\/tree\/socket": it is a socket/,
    });
    server.close();
    mkdirSync(temp.join('deep/') + 'd/'.repeat(64), { recursive: true });
    assert.throws(() => walkTree(temp.join('deep'), ignoreNar), {
      code: 'unsupported',
      message: /deeper than 63/,
    });
  });

  test('says so when a file changes while it is read', () => {
    using temp = makeTempDirectory();
    const path = temp.join('file');
    const change: Record<string, () => void> = {
      grows: () => appendFileSync(path, 'more'),
      shrinks: () => truncateSync(path, 3),
    };
    for (const act of Object.values(change)) {
      writeFileSync(path, 'contents');
      assert.throws(() => walkTree(path, { ...ignoreNar, file: act }), {
        code: 'conflict',
        message: /changed while it was read/,
      });
    }
  });

  test('says what is missing', () => {
    assert.throws(() => walkTree('/nowhere/at/all', ignoreNar), {
      code: 'not-found',
      path: '/nowhere/at/all',
    });
  });

  test('ends where a checkpoint throws', () => {
    using temp = makeTempDirectory();
    write(richNar, temp.join('tree'));
    let left = 5;
    const checkpoint = (): void => {
      left -= 1;
      if (left === 0) throw new Error('enough');
    };
    assert.throws(() => walkTree(temp.join('tree'), ignoreNar, { checkpoint }), /enough/);
    removeTree(temp.join('tree'));
  });
});

describe('TreeWriter', () => {
  const small = nar(
    directory(
      entry('a', file('a')),
      entry('b', file('b', { executable: true })),
      entry('c', symlink('a')),
      entry('d', directory(entry('e', file('e')))),
    ),
  );

  test('gives everything the metadata of a store, whatever the umask', () => {
    using temp = makeTempDirectory();
    for (const umask of [0o022, 0o077, 0o000]) {
      const before = process.umask(umask);
      try {
        write(small, temp.join('tree'));
      } finally {
        process.umask(before);
      }
      const root = temp.join('tree');
      assert.deepEqual(
        [...metadataOf(root)].map(([path, metadata]) => [path.slice(root.length), metadata]),
        [
          ['', '555 1'],
          ['/a', '444 1'],
          ['/b', '555 1'],
          ['/c', 'link 1'],
          ['/d', '555 1'],
          ['/d/e', '444 1'],
        ],
      );
      removeTree(root);
    }
  });

  test('gives ordinary metadata where that is wanted', () => {
    using temp = makeTempDirectory();
    for (const umask of [0o022, 0o077, 0o000]) {
      const before = process.umask(umask);
      try {
        write(small, temp.join('tree'), { canonical: false });
      } finally {
        process.umask(before);
      }
      const modes = [...metadataOf(temp.join('tree')).values()].map((text) => text.split(' ')[0]);
      assert.deepEqual(modes, ['755', '644', '755', 'link', '755', '644']);
      assert.ok(lstatSync(temp.join('tree/a')).mtimeMs > 1e12);
      removeTree(temp.join('tree'));
    }
  });

  test('writes into nothing that is there', () => {
    using temp = makeTempDirectory();
    symlinkSync(temp.join('elsewhere'), temp.join('link'));
    writeFileSync(temp.join('file'), 'mine');
    mkdirSync(temp.join('directory'));
    for (const name of ['link', 'file', 'directory']) {
      for (const root of [file('evil'), symlink('evil'), directory(entry('evil', file('')))]) {
        const writer = new TreeWriter(temp.join(name));
        assert.throws(() => new NarDecoder(writer).push(nar(root)), { code: 'conflict' });
        assert.equal(writer.isCreated, false);
      }
    }
    assert.equal(readFileSync(temp.join('file'), 'utf8'), 'mine');
    assert.deepEqual(readdirSync(temp.path).sort(), ['directory', 'file', 'link']);
  });

  test('says that a file system took two names for one', () => {
    using temp = makeTempDirectory();
    using writer = new TreeWriter(temp.join('tree'));
    writer.directory('' as ByteString);
    writer.symlink('a' as ByteString, 'x' as ByteString);
    assert.throws(() => writer.directory('a' as ByteString), { code: 'conflict', hint: /case/ });
  });

  test('touches nothing outside of its target, whatever an archive says', () => {
    using temp = makeTempDirectory();
    writeFileSync(temp.join('outside'), 'mine');
    const outside = metadataOf(temp.path);
    for (const { name, bytes } of hostileNars) {
      const target = temp.join('target');
      assert.throws(() => write(bytes, target), { code: 'corrupt' }, name);
      removeTree(target);
      const [, ...after] = metadataOf(temp.path);
      assert.deepEqual(after, [...outside].slice(1), name);
    }
  });

  test('says that there is no permission', { skip: isRoot && 'root may do anything' }, () => {
    using temp = makeTempDirectory();
    chmodSync(temp.path, 0o555);
    assert.throws(() => write(small, temp.join('tree')), { code: 'denied' });
  });
});

describe('removeTree', () => {
  test('removes what is read-only, and follows no link', () => {
    using temp = makeTempDirectory();
    mkdirSync(temp.join('kept'));
    writeFileSync(temp.join('kept/file'), 'kept');
    const link = symlink(temp.join('kept'));
    write(
      nar(directory(entry('d', directory(entry('l', link))), entry('l', link))),
      temp.join('t'),
    );
    removeTree(temp.join('t'));
    symlinkSync(temp.join('kept'), temp.join('t'));
    removeTree(temp.join('t'));
    assert.deepEqual(readdirSync(temp.path), ['kept']);
    assert.equal(readFileSync(temp.join('kept/file'), 'utf8'), 'kept');
  });

  test('removes a link that a directory is exchanged for meanwhile, and nothing behind it', {
    skip: process.platform !== 'linux' && 'there is no /proc',
  }, () => {
    for (const exchangedAt of [1, 2, 3]) {
      using temp = makeTempDirectory();
      mkdirSync(temp.join('kept/b'), { recursive: true });
      writeFileSync(temp.join('kept/file'), 'kept');
      writeFileSync(temp.join('kept/b/file'), 'kept');
      mkdirSync(temp.join('t/a/b'), { recursive: true });
      let nodes = 0;
      const checkpoint = (): void => {
        if (++nodes !== exchangedAt) return;
        const victim = temp.join(['t', 't/a', 't/a/b'][exchangedAt - 1] as string);
        renameSync(victim, temp.join('moved'));
        symlinkSync(temp.join('kept'), victim);
      };
      removeTree(temp.join('t'), { checkpoint });
      assert.deepEqual(readdirSync(temp.path).sort(), ['kept', 'moved']);
      assert.equal(readFileSync(temp.join('kept/file'), 'utf8'), 'kept');
      assert.equal(readFileSync(temp.join('kept/b/file'), 'utf8'), 'kept');
    }
  });

  test('is content with nothing', () => {
    removeTree('/nowhere/at/all');
  });
});
