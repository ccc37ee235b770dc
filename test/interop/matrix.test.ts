/**
 * Closures through a real sshd, both ways, between plain Nix of each release and machines that have nothing but ferry:
 * every client of Nix against our answering side, every client of ours against that of Nix. Ends with a table.
 */
import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { FarProgram } from '../support/far-program.ts';
import { farFerry, farNix, ferryBin, runFerryOk } from '../support/ferry-program.ts';
import { makeNixHome, type NixHome } from '../support/nix-home.ts';
import { nixVersions, peerTest, type NixVersion } from '../support/peers.ts';
import {
  describeClosure,
  requireSameClosure,
  type DescribedClosure,
} from '../support/same-closure.ts';
import { makeSmallClosure, type SmallClosure } from '../support/small-closure.ts';
import { startSshd, type Sshd } from '../support/sshd.ts';
import { makeTempDirectory } from '../support/temp.ts';

type Direction = 'to' | 'from';

interface Call {
  readonly direction: Direction;
  /** The machine that asks. */
  readonly near: NixHome;
  readonly sshd: Sshd;
  /** Paths with derivations among them. */
  readonly paths: readonly string[];
}

interface Client {
  readonly name: string;
  /** What answers at the far end. */
  readonly farEnd: (home: NixHome) => FarProgram;
  /** Not derivations, where that is beyond this release of Nix. */
  readonly cannotCopyDerivations?: (version: NixVersion, direction: Direction) => boolean;
  copy(call: Call): Promise<unknown>;
}

/** As `remote-program=`; the drop-ins look for `nix-store`. */
const remoteName = 'answers-as-nix-store';
const farUri = `ssh://far?remote-program=${remoteName}`;

const ours: readonly Client[] = [
  {
    name: 'ferry copy',
    farEnd: farNix,
    copy({ direction, near, sshd, paths }) {
      const args = ['copy', `--${direction}`, farUri, '--no-check-sigs', '--quiet', ...paths];
      return runFerryOk(near, args, { env: { NIX_SSHOPTS: sshd.sshOptions } });
    },
  },
  {
    name: 'ferry copy, ssh-ng',
    farEnd: (home) => ({ program: home.peer.program('nix-daemon'), env: home.env }),
    copy({ direction, near, sshd, paths }) {
      const uri = `ssh-ng://far?remote-program=${remoteName}`;
      const args = ['copy', `--${direction}`, uri, '--no-check-sigs', '--quiet', ...paths];
      return runFerryOk(near, args, { env: { NIX_SSHOPTS: sshd.sshOptions } });
    },
  },
  {
    name: 'ferry nix-copy-closure',
    farEnd: farNix,
    copy: ({ direction, near, sshd, paths }) =>
      runFerryOk(near, ['nix-copy-closure', `--${direction}`, 'far', ...paths], {
        env: { NIX_SSHOPTS: sshd.sshOptions },
      }),
  },
  {
    name: 'nix-copy-closure -> ferry',
    farEnd: farNix,
    copy({ direction, near, sshd, paths }) {
      const program = join(near.path, 'nix-copy-closure');
      symlinkSync(ferryBin, program);
      const env = { NIX_SSHOPTS: sshd.sshOptions };
      return runFerryOk(near, [`--${direction}`, 'far', ...paths], { program, env });
    },
  },
];

const theirs: readonly Client[] = [
  {
    name: "Nix's nix-copy-closure",
    farEnd: farFerry,
    copy: ({ direction, near, sshd, paths }) =>
      near.runOk('nix-copy-closure', [`--${direction}`, 'far', ...paths], {
        env: { NIX_SSHOPTS: sshd.sshOptions },
      }),
  },
  {
    name: "Nix's nix copy",
    farEnd: farFerry,
    // It wants to open them at the far end: "operation 'getFSAccessor' is not supported by store 'ssh://far'".
    cannotCopyDerivations: (version, direction) => version === '2.8' && direction === 'from',
    async copy({ direction, near, sshd, paths }) {
      const args = ['copy', `--${direction}`, farUri, '--no-check-sigs'];
      const env = { NIX_SSHOPTS: sshd.sshOptions };
      // To `nix copy` a derivation means what it builds, unless it is told otherwise.
      await near.runOk('nix', [...args, ...paths.filter((path) => !isDerivation(path))], { env });
      const drvs = paths.filter(isDerivation);
      if (drvs.length > 0) await near.runOk('nix', [...args, '--derivation', ...drvs], { env });
    },
  },
];

const results: { client: string; version: NixVersion; direction: Direction; ok: boolean }[] = [];

for (const version of nixVersions) {
  const nix = [...new Set([version, '2.34'] as const)];
  const needs = { nix, programs: ['ssh', 'sshd'] };
  peerTest(`Nix ${version}: closures over ssh`, needs, async (nix, context) => {
    await using source = makeNixHome(nix(version), { ram: true });
    const closure = await makeSmallClosure(source);
    const all = await allOf(source, closure);
    const withoutDerivations = all.filter((path) => !isDerivation(path));
    const wanted = new Map<readonly string[], DescribedClosure>();
    for (const paths of [all, withoutDerivations]) {
      wanted.set(paths, await describeClosure(source, nix('2.34'), paths));
    }
    await using temp = makeTempDirectory();
    await using sshd = await startSshd({ dir: temp.path });
    for (const client of [...ours, ...theirs]) {
      for (const direction of ['to', 'from'] as const) {
        const result = { client: client.name, version, direction, ok: false };
        results.push(result);
        await context.test(`${client.name} --${direction}`, async () => {
          await using destination = makeNixHome(nix(version), { ram: true });
          const [near, far] = direction === 'to' ? [source, destination] : [destination, source];
          for (const name of ['nix-store', remoteName]) sshd.provide(name, client.farEnd(far));
          const isLess = client.cannotCopyDerivations?.(version, direction) === true;
          const paths = isLess ? withoutDerivations : all;
          await client.copy({ direction, near, sshd, paths });
          await requireSameClosure(destination, nix('2.34'), paths, wanted.get(paths));
          result.ok = true;
        });
      }
    }
  });
}

test('the matrix', (context) => {
  for (const { name } of [...ours, ...theirs]) {
    const cells = results.filter(({ client }) => client === name);
    const told = cells.map(
      (cell) => `${cell.version} ${cell.direction} ${cell.ok ? 'ok' : 'FAILED'}`,
    );
    if (told.length > 0) context.diagnostic(`${name.padEnd(26)} ${told.join(' | ')}`);
  }
  assert.deepEqual(
    results.filter(({ ok }) => !ok),
    [],
  );
});

function isDerivation(path: string): boolean {
  return path.endsWith('.drv');
}

/** Every path, those that evaluation brought along included. */
async function allOf(home: NixHome, { paths }: SmallClosure): Promise<string[]> {
  return (await home.runOk('nix-store', ['-qR', ...paths])).split('\n');
}
