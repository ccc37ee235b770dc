/** `ferry bundle ls`: what is in a bundle, without reading what it carries. */
import { resolve } from 'node:path';
import { formatBytes } from '../../bytes/format-bytes.ts';
import { encodeBase16 } from '../../bytes/base16.ts';
import { formatContentAddress } from '../../format/content-address.ts';
import { frameBytes } from '../../format/bundle/layout.ts';
import { formatHash } from '../../format/hash.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { printStorePath, type StorePath } from '../../format/store-path.ts';
import { openBundleStore, type BundleStore } from '../../store/bundle/bundle-store.ts';
import { defineCommand, type Command } from '../command.ts';
import { say } from '../context.ts';
import { OrderedOutput } from '../ui/ordered-output.ts';
import { formatCount } from '../ui/units.ts';

interface Row {
  readonly info: PathInfo;
  /** Bytes of the compressed NAR. */
  readonly fileSize: number;
}

export const bundleLs: Command = defineCommand({
  description: [
    'Prints the paths of a bundle, each after all that it refers to, and on stderr how much they are together. Nothing but its header and its end is read.',
    'With -l there stand before each path the size of its NAR and what that takes in the bundle, in bytes. With --json it is one JSON object.',
  ],
  arguments: [
    {
      name: 'FILE',
      help: 'the bundle, or its parts in any order',
      repeated: true,
      completes: 'file',
    },
  ],
  options: {
    long: { help: 'with sizes', short: 'l' },
    json: { help: 'tell programs, in JSON' },
  },
  examples: [
    { meaning: 'what is on a stick', command: 'ferry bundle ls -l /media/stick/system.bundle' },
    {
      meaning: 'of parts',
      command: 'ferry bundle ls system.bundle.001 /media/b/system.bundle.002',
    },
  ],
  async run(context, files, options) {
    const { cwd, signal, stdout } = context;
    const names = files.map((file) => resolve(cwd, file));
    await using store = await openBundleStore(names, signal);
    const rows = store.manifest.infos.map((info, number) => ({
      info,
      fileSize: store.entries[number]?.fileSize ?? 0,
    }));
    if (options.json) {
      await stdout.write(`${JSON.stringify(jsonOf(store, rows))}\n`);
      return 0;
    }
    const output = new OrderedOutput(stdout);
    const width = String(Math.max(0, ...rows.map(({ info }) => info.narSize))).length;
    for (const { info, fileSize } of rows) {
      const sizes = [info.narSize, fileSize].map((size) => String(size).padStart(width));
      const path = printStorePath(store.storeDir, info.path);
      output.line(options.long ? `${sizes.join(' ')} ${path}` : path);
    }
    await output.settled();
    await say(context, totalsOf(store, rows));
    return 0;
  },
});

function totalsOf({ manifest, volumes }: BundleStore, rows: readonly Row[]): string {
  const { compression, presupposed } = manifest;
  const narSize = rows.reduce((sum, { info }) => sum + info.narSize, 0);
  const size = `${formatBytes(narSize)}, ${formatBytes(volumes.size)} with ${compression}`;
  const parts = volumes.names.length > 1 ? ` in ${volumes.names.length} parts` : '';
  const needs =
    presupposed.length === 0
      ? ''
      : `; ${formatCount(presupposed.length, 'path')} must be there already`;
  return `${formatCount(rows.length, 'path')}, ${size}${parts}${needs}`;
}

function jsonOf(
  { id, storeDir, manifest, volumes }: BundleStore,
  rows: readonly Row[],
): Record<string, unknown> {
  const print = (path: StorePath): string => printStorePath(storeDir, path);
  return {
    version: 1,
    id: encodeBase16(id),
    storeDir,
    compression: manifest.compression,
    level: manifest.level,
    roots: manifest.roots.map(print),
    presupposed: manifest.presupposed.map(print),
    size: volumes.size,
    files: volumes.names,
    paths: rows.map(({ info, fileSize }) => ({
      path: print(info.path),
      narHash: formatHash(info.narHash, 'sri'),
      narSize: info.narSize,
      references: info.references.map(print),
      deriver: info.deriver === undefined ? null : print(info.deriver),
      signatures: info.signatures,
      ca: info.ca === undefined ? null : formatContentAddress(info.ca),
      compressedSize: fileSize,
      size: frameBytes(fileSize),
    })),
  };
}
