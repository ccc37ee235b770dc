/**
 * What must not be copied isn't, by any way: the error says why, the exit status is that of a failure, and at the
 * destination there is nothing of it.
 */
import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { farFerry, farNix, ferryBin, ferryEnv, runFerry } from '../support/ferry-program.ts';
import { openLocalStores } from '../support/local-stores.ts';
import { makeNixHome, type NixHome } from '../support/nix-home.ts';
import { peerTest } from '../support/peers.ts';
import { waitUntil } from '../support/processes.ts';
import { run, type Finished } from '../support/run.ts';
import { makeSmallClosure, type SmallClosure } from '../support/small-closure.ts';
import { startSshd, type Sshd } from '../support/sshd.ts';
import { makeTempDirectory, removeTree } from '../support/temp.ts';

const needs = { nix: ['2.34'], programs: ['ssh', 'sshd'] } as const;
/** Exit statuses, as docs/exit-status.md has them. */
const FAILED = 1;
const UNTRUSTED = 3;
/** A failure that isn't noticed must not hold up the others. */
const TIMEOUT_MS = 10_000;

interface World extends AsyncDisposable {
  /** Has the small closure. */
  readonly source: NixHome;
  readonly closure: SmallClosure;
  /** Is empty: not even made. */
  readonly destination: NixHome;
  readonly sshd: Sshd;
}

/** From a source to a destination, here or by ssh. */
interface Way {
  readonly name: string;
  /** Nix leaves what it was given at its place, not valid. */
  readonly byNix?: true;
  copy(world: World, args: readonly string[]): Promise<Finished>;
}

const ways: readonly Way[] = [
  {
    name: 'here',
    copy: ({ source, destination }, args) =>
      runFerry(destination, ['copy', '--from', source.root, ...args]),
  },
  {
    name: 'to ferry',
    copy: ({ source, destination, sshd }, args) =>
      copyBySsh(sshd, source, ['--to', 'ssh://far', ...args], farFerry(destination)),
  },
  {
    name: 'to Nix',
    byNix: true,
    copy: ({ source, destination, sshd }, args) =>
      copyBySsh(sshd, source, ['--to', 'ssh://far', ...args], farNix(destination)),
  },
  {
    name: 'from ferry',
    copy: ({ source, destination, sshd }, args) =>
      copyBySsh(sshd, destination, ['--from', 'ssh://far', ...args], farFerry(source)),
  },
  {
    name: 'from Nix',
    copy: ({ source, destination, sshd }, args) =>
      copyBySsh(sshd, destination, ['--from', 'ssh://far', ...args], farNix(source)),
  },
];

interface Damage {
  readonly name: string;
  /** To the library, to which the application refers. */
  readonly damage: (source: NixHome, closure: SmallClosure) => void;
  readonly reason: RegExp;
}

const damages: readonly Damage[] = [
  {
    name: 'a file that was altered',
    damage: (source, { library }) => {
      edit(source.realPath(`${library}/lib/small.txt`), (path) => {
        writeFileSync(path, readFileSync(path, 'utf8').toUpperCase());
      });
    },
    reason: /hash mismatch importing path ['"]LIBRARY/,
  },
  {
    name: 'a file that was cut off',
    damage: (source, { library }) => {
      edit(source.realPath(`${library}/lib/zeros`), (path) => writeFileSync(path, 'short'));
    },
    reason: /LIBRARY.*(instead of|short of)/,
  },
  {
    name: 'a file that grew',
    damage: (source, { library }) => {
      edit(source.realPath(`${library}/lib/zeros`), (path) => appendFileSync(path, 'more of it'));
    },
    reason: /LIBRARY.*(instead of|more than|longer than|end of input|mismatch)/,
  },
  {
    name: 'a tree that is gone',
    damage: (source, { library }) => removeTree(source.realPath(library)),
    reason: /(cannot read|does not exist).*LIBRARY|LIBRARY.*does not exist/,
  },
  {
    name: 'a hash in the database that is another',
    damage: (source, { library }) => {
      update(
        source,
        `update ValidPaths set hash = 'sha256:${'1'.repeat(64)}' where path = ?`,
        library,
      );
    },
    reason: /hash mismatch importing path ['"]LIBRARY/,
  },
  {
    name: 'a size in the database that is smaller',
    damage: (source, { library }) => {
      update(source, 'update ValidPaths set narSize = narSize - 8 where path = ?', library);
    },
    reason: /LIBRARY.*(instead of|more than|longer than|end of input|mismatch)/,
  },
  {
    name: 'a size in the database that is larger',
    damage: (source, { library }) => {
      update(source, 'update ValidPaths set narSize = narSize + 8 where path = ?', library);
    },
    reason: /LIBRARY.*(instead of|short of)/,
  },
];

for (const { name, damage, reason } of damages) {
  peerTest(`${name} is not copied`, needs, async (nix, context) => {
    await using world = await makeWorld(nix('2.34'));
    const { source, text, library, application } = world.closure;
    damage(world.source, world.closure);
    const told = new RegExp(reason.source.replaceAll('LIBRARY', library));
    for (const way of ways) {
      await context.test(way.name, async () => {
        const finished = await way.copy(world, ['--no-check-sigs', '--quiet', application]);
        requireFailed(finished, FAILED, told);
        await farEndIsGone(world);
        const valid = await validPaths(world.destination);
        // What it refers to was sound, and may have come before it.
        for (const path of valid) assert.ok([source, text].includes(path), path);
        const others = entriesOf(world.destination).filter((path) => !valid.includes(path));
        if (way.byNix === true)
          assert.ok(
            others.every((path) => !path.endsWith('.ferry')),
            String(others),
          );
        else assert.deepEqual(others, []);
      });
      removeTree(world.destination.root);
    }
  });
}

peerTest(
  'what can be seen to be impossible fails before anything moves',
  needs,
  async (nix, context) => {
    await using world = await makeWorld(nix('2.34'));
    const { application, library } = world.closure;
    const absent = `/nix/store/${'0'.repeat(32)}-absent`;
    const quiet = ['--no-check-sigs', '--quiet'];
    for (const way of ways) {
      await context.test(`${way.name}: a path that is not valid`, async () => {
        const finished = await way.copy(world, [...quiet, absent]);
        requireFailed(finished, FAILED, new RegExp(`path "${absent}" is not valid in "`));
        requireNothing(world.destination);
      });
      // Found before any machine is asked.
      const words = way.name === 'here' ? ['/nix/store/not-a-path', './nothing', 'nothing'] : [];
      for (const word of words) {
        await context.test(`${way.name}: ${word}`, async () => {
          const finished = await way.copy(world, [...quiet, word]);
          requireFailed(finished, FAILED, new RegExp(`"${word}"`));
          requireNothing(world.destination);
        });
      }
    }
    for (const way of ways) {
      await context.test(`${way.name}: a path without what it refers to`, async () => {
        const finished = await way.copy(world, [...quiet, '--no-recursive', application]);
        requireFailed(finished, FAILED, new RegExp(library));
        await farEndIsGone(world);
        assert.deepEqual(await validPaths(world.destination), []);
        if (way.byNix !== true) assert.deepEqual(entriesOf(world.destination), []);
        removeTree(world.destination.root);
      });
    }
    await context.test('a store whose store directory is another', async () => {
      const to = `local?root=${world.destination.root}&store=/other/store`;
      const args = ['copy', '--from', world.source.root, '--to', to, ...quiet, application];
      const finished = await runFerry(world.destination, args);
      requireFailed(finished, FAILED, /store directories are "\/nix\/store" and "\/other\/store"/);
      requireNothing(world.destination);
    });
  },
);

peerTest('a destination that may not be written to says so', needs, async (nix, context) => {
  if (process.getuid?.() !== 0) {
    context.skip('only root can be somebody else');
    return;
  }
  await using world = await makeWorld(nix('2.34'));
  const { source, destination, closure } = world;
  for (const home of [source, destination]) chmodSync(home.path, 0o755);
  mkdirSync(destination.realPath('/nix/store'), { recursive: true });
  const other = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const args = ['copy', '--from', source.root, '--to', destination.root, '--quiet'];
  const finished = await run(
    '/usr/bin/setpriv',
    [...other, ferryBin, ...args, '--no-check-sigs', closure.application],
    { cwd: '/', env: ferryEnv(destination) },
  );
  requireFailed(finished, FAILED, new RegExp(`cannot .*"${destination.root}.*permission denied`));
  assert.deepEqual(entriesOf(destination), []);
});

peerTest('without a signature by a trusted key nothing is taken', needs, async (nix, context) => {
  await using world = await makeWorld(nix('2.34'));
  const { source, destination, closure } = world;
  const { application, library } = closure;
  const mine = ways.filter(({ name }) => !name.startsWith('to '));
  const trusting = ['--option', 'trusted-public-keys', closure.publicKey];
  const refusal = (reason: string): RegExp =>
    new RegExp(
      `cannot add path "${library}"[^\n]*: it lacks a signature by a trusted key, ${reason}`,
    );
  for (const way of mine) {
    await context.test(`${way.name}: unsigned`, async () => {
      for (const args of [
        [...trusting, application],
        ['--option', 'require-sigs', 'true', application],
      ]) {
        const finished = await way.copy(world, ['--quiet', ...args]);
        requireFailed(finished, UNTRUSTED, refusal('it has none'));
        assert.match(finished.stderr, /^hint: .*--no-check-sigs/m);
        // Not even what would have been taken: it was known before.
        requireNothing(destination);
      }
      const planned = await way.copy(world, ['--dry-run', ...trusting, application]);
      assert.equal(planned.status, UNTRUSTED, planned.stderr);
      assert.match(planned.stdout, new RegExp(`would be refused, 1 path:\n  ${library}: `));
      requireNothing(destination);
    });
    await context.test(`${way.name}: content-addressed, or the check waived`, async () => {
      const addressed = await way.copy(world, ['--quiet', closure.source, closure.text]);
      assert.equal(addressed.status, 0, addressed.stderr);
      const waived = await way.copy(world, ['--quiet', '--no-check-sigs', application]);
      assert.equal(waived.status, 0, waived.stderr);
      await destination.verify();
      assert.equal((await validPaths(destination)).length, 4);
    });
    removeTree(destination.root);
  }

  const secret = join(source.path, 'other.secret');
  const open = join(source.path, 'other.public');
  await source.runOk('nix-store', ['--generate-binary-cache-key', 'other-1', secret, open]);
  await source.runOk('nix', ['store', 'sign', '--key-file', secret, library]);
  for (const way of mine) {
    await context.test(`${way.name}: signed by somebody else, then by who is trusted`, async () => {
      const refused = await way.copy(world, ['--quiet', ...trusting, application]);
      requireFailed(refused, UNTRUSTED, refusal('it has only "other-1"'));
      requireNothing(destination);
      const both = `${closure.publicKey} ${readFileSync(open, 'utf8').trim()}`;
      const args = ['--quiet', '--option', 'trusted-public-keys', both, application];
      const taken = await way.copy(world, args);
      assert.equal(taken.status, 0, taken.stderr);
      await destination.verify();
      assert.equal((await validPaths(destination)).length, 4);
    });
    removeTree(destination.root);
  }

  // The signature is there, and is about other references.
  update(
    source,
    'delete from Refs where referrer = (select id from ValidPaths where path = ?)',
    library,
  );
  for (const way of mine) {
    await context.test(`${way.name}: a signature of something else`, async () => {
      const both = `${closure.publicKey} ${readFileSync(open, 'utf8').trim()}`;
      const args = ['--quiet', '--option', 'trusted-public-keys', both, library];
      requireFailed(await way.copy(world, args), UNTRUSTED, refusal('that by "other-1" does not'));
      requireNothing(destination);
    });
  }
});

/** In words, without a trace of the program's insides, and with that status. */
function requireFailed({ status, stdout, stderr }: Finished, wanted: number, told: RegExp): void {
  assert.match(stderr, told);
  assert.match(stderr, /^error: /m);
  assert.doesNotMatch(stderr, /mistake|^ +at /m);
  assert.equal(status, wanted, stderr);
  assert.equal(stdout, '');
}

/** A far end that was left in the middle cleans up after we have gone. */
async function farEndIsGone({ sshd }: World): Promise<void> {
  await waitUntil('the end of all that took part', () => sshd.isIdle());
}

/** No entry of a store, whether or not it was made. */
function requireNothing(home: NixHome): void {
  assert.deepEqual(entriesOf(home), []);
}

function entriesOf(home: NixHome): string[] {
  const directory = home.realPath('/nix/store');
  if (!existsSync(directory)) return [];
  const names = readdirSync(directory).filter((name) => name !== '.links');
  return names.map((name) => `/nix/store/${name}`);
}

async function validPaths(home: NixHome): Promise<string[]> {
  await using stores = openLocalStores();
  await using store = await stores.open(home.root);
  return (await store.queryAllValidPaths()).map((path) => `/nix/store/${path}`);
}

function copyBySsh(
  sshd: Sshd,
  near: NixHome,
  args: readonly string[],
  far: Parameters<Sshd['provide']>[1],
): Promise<Finished> {
  sshd.provide('nix-store', far);
  return runFerry(near, ['copy', ...args], {
    env: { NIX_SSHOPTS: sshd.sshOptions },
    timeoutMs: TIMEOUT_MS,
  });
}

async function makeWorld(nix: NixHome['peer']): Promise<World> {
  await using resources = new AsyncDisposableStack();
  const source = resources.use(makeNixHome(nix, { ram: true }));
  const destination = resources.use(makeNixHome(nix, { ram: true }));
  const temp = resources.use(makeTempDirectory());
  const sshd = resources.use(await startSshd({ dir: temp.path }));
  const closure = await makeSmallClosure(source);
  const owned = resources.move();
  return {
    source,
    destination,
    closure,
    sshd,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function edit(path: string, change: (path: string) => void): void {
  chmodSync(path, 0o644);
  change(path);
  chmodSync(path, 0o444);
}

function update(home: NixHome, sql: string, path: string): void {
  using database = new DatabaseSync(join(home.root, 'nix/var/nix/db/db.sqlite'));
  database.prepare(sql).run(path);
}
