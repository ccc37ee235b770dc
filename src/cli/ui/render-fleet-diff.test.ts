import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareStores } from '../../copy/compare-stores.ts';
import type { HostDiff } from '../../deploy/fleet-diff.ts';
import { FerryError } from '../../error.ts';
import { defaultStoreDir, type StorePath } from '../../format/store-path.ts';
import { fleetDiffJson, fleetDiffText, type DiffedHost } from './render-fleet-diff.ts';

const path = (letter: string, name: string): StorePath =>
  `${letter.repeat(32)}-${name}` as StorePath;
const style = {
  paint: (_look: unknown, text: string): string => text,
  bytes: false,
  bySize: false,
  width: 80,
  storeDir: defaultStoreDir,
  verbosity: 0,
};
const sized = (one: StorePath, narSize: number): { path: StorePath; narSize: number } => ({
  path: one,
  narSize,
});

/** A system whose configuration differs from host to host, and its nginx. */
function diff(letter: string, part: Partial<HostDiff> = {}): HostDiff {
  const before = path(letter, 'system-1.0');
  const after = path(letter === 'a' ? 'c' : 'd', 'system-1.1');
  return {
    before,
    after,
    comparison: compareStores(
      [sized(before, 1000), sized(path('f', 'nginx-1.0'), 2048)],
      [sized(after, 1000), sized(path('g', 'nginx-1.1'), 4096)],
    ),
    toSend: { paths: 2, narSize: 5096 },
    freeBytes: undefined,
    refusal: undefined,
    ...part,
  };
}

const text = (...hosts: readonly DiffedHost[]): string[] =>
  [...fleetDiffText(hosts, style)].join('').trimEnd().split('\n');

test('hosts on which the same changes are told of together, with what goes to each', () => {
  const lines = text(
    { host: 'web1', result: { diff: diff('a') } },
    { host: 'web2', result: { diff: diff('b', { toSend: { paths: 1, narSize: 4096 } }) } },
  );
  assert.deepEqual(lines, [
    'web1, web2:',
    '  system-1.0 → system-1.1',
    '  changed',
    '    +2 KiB  nginx 1.0 → 1.1',
    '      ±0 B  system 1.0 → 1.1',
    '',
    '  2 paths, 3 KiB → 2 paths, 5 KiB (+2 KiB)',
    '  in both 0 paths, 0 B; removed 2 paths, 3 KiB; added 2 paths, 5 KiB',
    '  web1: to send: 2 paths, 5 KiB',
    '  web2: to send: 1 path, 4 KiB',
  ]);
});

test('what is there already, what has nothing, what lacks room, what is refused, what is dead', () => {
  const same = diff('a');
  const lines = text(
    {
      host: 'dead',
      result: { error: new FerryError('unavailable', 'cannot log in', { hint: 'wait' }) },
    },
    {
      host: 'same',
      result: { diff: { ...same, before: same.after, toSend: { paths: 0, narSize: 0 } } },
    },
    {
      host: 'new',
      result: {
        diff: diff('a', {
          before: undefined,
          comparison: compareStores([], [sized(same.after, 1000)]),
          freeBytes: 100,
          refusal: { path: same.after, reason: 'no signature' },
        }),
      },
    },
  );
  assert.deepEqual(lines, [
    'same:',
    '  no difference: it is there already',
    '  nothing to send',
    '',
    'new:',
    '  nothing → system-1.1',
    '  added',
    '    +1000 B  system 1.1'.replace('1000 B', '1 KiB'),
    '',
    '  0 paths, 0 B → 1 path, 1 KiB (+1 KiB)',
    '  in both 0 paths, 0 B; removed 0 paths, 0 B; added 1 path, 1 KiB',
    '  to send: 2 paths, 5 KiB, and there is room for 100 B only, would be refused: no signature',
    '',
    'dead:',
    '  error: cannot log in',
    '  hint: wait',
  ]);
});

test('as JSON a host has its packages with paths in full', () => {
  const told = fleetDiffJson({ host: 'web1', result: { diff: diff('a') } }, defaultStoreDir);
  const { packages, ...rest } = JSON.parse(JSON.stringify(told)) as Record<string, unknown>;
  assert.deepEqual(rest, {
    type: 'host',
    host: 'web1',
    error: null,
    before: { path: `/nix/store/${path('a', 'system-1.0')}`, paths: 2, narSize: 3048 },
    after: { path: `/nix/store/${path('c', 'system-1.1')}`, paths: 2, narSize: 5096 },
    common: { paths: 0, narSize: 0 },
    removed: { paths: 2, narSize: 3048 },
    added: { paths: 2, narSize: 5096 },
    toSend: { paths: 2, narSize: 5096 },
    freeBytes: null,
    refusal: null,
  });
  const [nginx] = packages as Record<string, unknown>[];
  assert.deepEqual(nginx?.['addedPaths'], [`/nix/store/${path('g', 'nginx-1.1')}`]);
  const dead = fleetDiffJson({ host: 'x', result: { error: new Error('oops') } }, defaultStoreDir);
  assert.deepEqual(dead, {
    type: 'host',
    host: 'x',
    error: { code: 'internal', message: 'oops', hint: null },
  });
});
