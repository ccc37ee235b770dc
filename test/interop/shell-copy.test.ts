/**
 * `ferry shell copy`, judged by real nix-shell: what was copied is entered on machines without a network, by plain Nix of
 * several releases and by ferry where there is no Nix, gives the shell that nix-shell gives where it was made, builds
 * nothing, and outlasts a collection of garbage.
 */
import assert from 'node:assert/strict';
import { existsSync, lstatSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ferryBin } from '../support/ferry-program.ts';
import { hostsLack, startHosts, type HostFleet, type TestHost } from '../support/hosts.ts';
import { insideEnv, insidePrograms, runInside, runInsideOk } from '../support/inside-store.ts';
import { makeNixHome, type NixHome } from '../support/nix-home.ts';
import { peerTest } from '../support/peers.ts';
import type { Finished } from '../support/run.ts';
import {
  makeShellFixture,
  shellFixtureLacks,
  type ShellFixture,
} from '../support/shell-fixture.ts';

const needs = {
  nix: ['2.34'],
  programs: ['ssh', ...insidePrograms],
  lacks: [...hostsLack(), ...shellFixtureLacks],
} as const;

/** What a shell of either file gives: programs, variables of all kinds, what its hook did. */
const LOOK =
  'type hello jq; echo "$FROM_HOOK|$GREETING|$QUOTED|$LINES|$HELLO_HOOK|$NUMBER|$out"; cat "$notesPath" 2>/dev/null; echo "{\\"a\\":[1,2]}" | jq -c .a; declare -p words table 2>/dev/null; jq -r ".notes // empty" "$NIX_ATTRS_JSON_FILE" 2>/dev/null; true';

interface Source {
  readonly home: NixHome;
  readonly fixture: ShellFixture;
}

/** ferry where the shell was made, with the Nix there. */
function ferryAt(
  { home, fixture }: Source,
  words: readonly string[],
  { fleet, env = {} }: { readonly fleet?: HostFleet; readonly env?: Record<string, string> } = {},
): Promise<Finished> {
  const reach = fleet === undefined ? {} : { NIX_SSHOPTS: fleet.sshOptions };
  return runInside(home, [ferryBin, ...words], {
    network: fleet !== undefined,
    cwd: fixture.directory,
    env: { ...insideEnv(home), ...reach, ...env },
  });
}

async function copyOk(
  source: Source,
  words: readonly string[],
  options: { readonly fleet?: HostFleet } = {},
): Promise<{ readonly commands: readonly string[]; readonly talk: string }> {
  const { status, stdout, stderr } = await ferryAt(source, ['shell', 'copy', ...words], options);
  assert.equal(status, 0, stderr);
  return { commands: stdout.trim().split('\n'), talk: stderr };
}

/** What nix-shell gives where it was made. */
async function shellHere({ home, fixture }: Source, file: string): Promise<string> {
  return await runInsideOk(home, [home.peer.program('nix-shell'), file, '--run', LOOK], {
    cwd: fixture.directory,
    env: { ...insideEnv(home), NIX_BUILD_SHELL: fixture.bash },
  });
}

/** All valid paths, by whatever program is there. */
async function validOn(host: TestHost): Promise<string[]> {
  const ferry = await host.exec([ferryBin, 'store', 'list']);
  const listed =
    ferry.status === 0
      ? ferry.stdout
      : await host.execOk(['sh', '-c', 'nix-store --dump-db | grep ^/nix/store/.*-']);
  return [...new Set(listed.split('\n').filter((line) => line !== ''))].sort();
}

/** The last line of what nix-store --gc or ferry says doesn't matter: only what is left does. */
async function collect(host: TestHost): Promise<void> {
  const program = (await host.exec(['sh', '-c', 'command -v nix-store'])).status === 0;
  await host.execOk(program ? ['nix-store', '--gc'] : ['ferry', 'gc']);
}

async function verify(host: TestHost): Promise<void> {
  const program = (await host.exec(['sh', '-c', 'command -v nix-store'])).status === 0;
  const nix = ['nix-store', '--verify', '--check-contents'];
  await host.execOk(program ? nix : ['ferry', 'verify', '--all', '--no-trust']);
}

for (const runs of ['nix-2.34', 'nix-2.8', 'ferry'] as const) {
  peerTest(`a shell copied to a machine that runs ${runs}`, needs, async (nix, context) => {
    await using home = makeNixHome(nix('2.34'), { settings: { 'require-sigs': 'false' } });
    const source = { home, fixture: await makeShellFixture(home) };
    await using fleet = await startHosts({ hosts: [{ name: 'b', runs, requireSigs: false }] });
    const [host] = fleet.hosts;
    assert.ok(host !== undefined);
    for (const [user, file, name] of [
      ['root', 'shell.nix', 'plain'],
      ['root', 'structured.nix', 'structured'],
      ['dave', 'shell.nix', 'daves'],
      ['dave', 'structured.nix', 'by-ssh-ng'],
    ] as const) {
      // Without a daemon the store is root's.
      if (runs === 'ferry' && user !== 'root') continue;
      await context.test(`${name}, by ${user}`, async () => {
        const uri = host.uri(user).replace(/^ssh/, name === 'by-ssh-ng' ? 'ssh-ng' : 'ssh');
        const words = [file, '--to', uri, '--root', name];
        const { commands, talk } = await copyOk(source, words, { fleet });
        assert.match(talk, /kept there by the links in/);
        assert.match(commands.join('\n'), runs === 'ferry' ? /^ferry shell \S+$/ : /nix-shell/);
        const wanted = await shellHere(source, file);
        const valid = await validOn(host);
        await host.cut();
        const enter = async (): Promise<void> => {
          for (const command of commands) {
            const line = `${command} --run '${LOOK}'`;
            assert.equal(await host.execOk(['sh', '-c', line], { user }), wanted, command);
          }
        };
        await enter();
        assert.deepEqual(await validOn(host), valid, 'nothing was built');
        await collect(host);
        await enter();
        await host.restore();
        const again = await copyOk(source, words, { fleet });
        assert.deepEqual(again.commands, commands);
        assert.match(again.talk, /kept there already/);
        // Another one under its name, whose links are others and fewer, and it again.
        const other = source.fixture.bash.replace(/\/bin\/bash$/, '');
        await copyOk(source, [other, ...words.slice(1)], { fleet });
        const back = await copyOk(source, words, { fleet });
        assert.doesNotMatch(back.talk, /kept there already/);
        await collect(host);
        await enter();
        await verify(host);
      });
    }
  });
}

const hereNeeds = { nix: ['2.34'], programs: insidePrograms, lacks: shellFixtureLacks } as const;

peerTest('a shell copied to a store below a root', hereNeeds, async (nix, context) => {
  await using home = makeNixHome(nix('2.34'), { settings: { 'require-sigs': 'false' } });
  await using other = makeNixHome(nix('2.34'), { settings: { 'require-sigs': 'false' } });
  const source = { home, fixture: await makeShellFixture(home) };
  const { plainDrv, structuredDrv } = source.fixture;
  const links = (name: string): Record<string, string> => {
    const directory = join(other.root, 'nix/var/nix/gcroots/ferry-shells', name);
    const names = existsSync(directory) ? readdirSync(directory).sort() : [];
    return Object.fromEntries(names.map((each) => [each, readlinkSync(join(directory, each))]));
  };
  const isValid = async (path: string): Promise<boolean> =>
    (await other.run('nix-store', ['--check-validity', path])).status === 0;
  const enter = async (name: string): Promise<string> => {
    const words = [ferryBin, 'shell', name, '--run', LOOK];
    return await runInsideOk(other, words, { env: { ...insideEnv(other), PATH: '/usr/bin:/bin' } });
  };
  const to = ['--to', other.storeUri, '--no-check-sigs'];

  await context.test('it is kept, and what is not is collected', async () => {
    const { commands, talk } = await copyOk(source, ['shell.nix', ...to]);
    assert.match(talk, /kept there by the links in .*\/gcroots\/ferry-shells\/shell-project/);
    assert.equal(commands[0], 'ferry shell shell-project');
    assert.match(
      commands[1] ?? '',
      new RegExp(`^NIX_BUILD_SHELL=\\S+/bash nix-shell ${plainDrv}$`),
    );
    assert.equal(links('shell-project')['shell.drv'], plainDrv);
    const file = join(other.path, 'garbage');
    writeFileSync(file, 'garbage');
    const garbage = await other.runOk('nix-store', ['--add', file]);
    await other.runOk('nix-store', ['--gc']);
    assert.equal(await isValid(garbage), false);
    assert.equal(await enter('shell-project'), await shellHere(source, 'shell.nix'));
    await other.verify();
  });

  await context.test('what takes its name takes its place', async () => {
    const before = links('shell-project');
    const words = [source.fixture.bash.replace(/\/bin.*/, ''), '--root', 'shell-project'];
    // A derivation with few inputs: links of the one before that are too many go.
    await runInsideOk(home, [
      home.peer.program('nix-store'),
      '--query',
      '--deriver',
      words[0] ?? '',
    ]);
    await copyOk(source, [...words, ...to]);
    const after = links('shell-project');
    assert.ok(Object.keys(after).length < Object.keys(before).length);
    assert.match(after['shell.drv'] ?? '', /-bash-5\.2\.drv$/);
    await other.runOk('nix-store', ['--gc']);
    assert.equal(await isValid(plainDrv), false);
    const again = await copyOk(source, [...words, ...to]);
    assert.match(again.talk, /kept there already/);
    assert.deepEqual(links('shell-project'), after);
  });

  await context.test('attributes, arguments and other paths', async () => {
    const words = ['shells.nix', '-A', 'plain', '--argstr', 'greeting', 'a = b', '--root', 'with'];
    const { talk } = await copyOk(source, [
      ...words,
      '--with',
      'pinned',
      '--with',
      'shell.nix',
      ...to,
    ]);
    assert.match(talk, /added "pinned" as \/nix\/store\/\S+-pinned/);
    assert.match(await enter('with'), /pinned\|a = b\|/);
    const kept = Object.values(links('with'));
    assert.ok(kept.some((path) => path.endsWith('-pinned')));
    assert.ok(kept.some((path) => path.endsWith('-shell.nix')));
    const structured = ['shells.nix', '--attr', 'inner.structured', '--root', 'inner'];
    const { commands } = await copyOk(source, [...structured, ...to]);
    assert.ok(commands[1]?.endsWith(structuredDrv));
  });

  await context.test('only a function that takes it is told of inNixShell', async () => {
    const file = join(source.fixture.directory, 'any.nix');
    writeFileSync(
      file,
      '{ ... }@args: assert !(args ? inNixShell); assert builtins.getEnv "IN_NIX_SHELL" == "impure"; import ./shell.nix { }',
    );
    await copyOk(source, ['any.nix', '--root', 'any', ...to]);
    const drv = links('any')['shell.drv'] ?? '';
    const { stdout } = await ferryAt(source, ['derivation', 'show', drv]);
    assert.match(stdout, /"forShell":""/);
  });

  await context.test('the shell of a flake', async () => {
    const flake = join(source.fixture.directory, 'flake.nix');
    const shells =
      'devShells.x86_64-linux = { default = plain; other = import ./structured.nix { }; };';
    writeFileSync(
      flake,
      `{ outputs = _: let plain = import ./shell.nix { greeting = "of a flake"; }; in { ${shells} }; }`,
    );
    await copyOk(source, ['.#', '--root', 'flake', ...to]);
    assert.match(await enter('flake'), /pinned\|of a flake\|/);
    const { commands } = await copyOk(source, ['.#other', '--root', 'flake', ...to]);
    assert.match(commands[1] ?? '', /-structured-shell\.drv$/);
  });

  await context.test('for programs', async () => {
    const { commands } = await copyOk(source, ['shell.nix', '--json', ...to]);
    const last = JSON.parse(commands.at(-1) ?? '');
    assert.equal(last.type, 'shell');
    assert.equal(last.derivation, plainDrv);
    assert.equal(last.name, 'shell-project');
    assert.equal(last.commands[0], 'ferry shell shell-project');
    assert.ok(last.paths.includes(plainDrv) && last.paths.length > 4);
  });

  await context.test('what makes no sense', async () => {
    const failing = async (...words: string[]): Promise<string> => {
      const { status, stderr, stdout } = await ferryAt(source, ['shell', 'copy', ...words]);
      assert.notEqual(status, 0, stdout);
      return stderr;
    };
    assert.match(await failing('shell.nix'), /no --to was given/);
    assert.match(
      await failing('shell.nix', '--root', '../x', ...to),
      /can't be the name of a shell/,
    );
    assert.match(await failing('pkgs.nix', ...to), /a shell is one derivation, and ".*" has 7/);
    assert.match(
      await failing('pinned', ...to),
      /neither a shell that was copied here, nor a file/,
    );
    assert.match(
      await failing('shell.nix', '--with', 'absent', ...to),
      /"absent" is neither a file/,
    );
  });
});

peerTest('a shell whose inputs are not built yet', hereNeeds, async (nix) => {
  await using home = makeNixHome(nix('2.34'), { settings: { 'require-sigs': 'false' } });
  await using other = makeNixHome(nix('2.34'), { settings: { 'require-sigs': 'false' } });
  const source = { home, fixture: await makeShellFixture(home, { build: false }) };
  const words = ['shell.nix', '--to', other.storeUri, '--no-check-sigs'];
  const dry = await copyOk(source, [...words, '--dry-run']);
  assert.match(dry.talk, /note: 5 inputs would be fetched or built first/);
  const outputs = ['--query', '--outputs', source.fixture.plainDrv];
  const own = (await home.runOk('nix-store', outputs)).split('\n');
  assert.equal((await home.run('nix-store', ['--check-validity', source.fixture.bash])).status, 1);
  const { talk } = await copyOk(source, words);
  assert.doesNotMatch(talk, /error:|could not be copied/, 'what is built was missing to nobody');
  assert.ok(lstatSync(home.realPath(source.fixture.bash)).isFile());
  // The shell itself is not built.
  for (const path of own) assert.equal(existsSync(home.realPath(path)), false);
  const line = `NIX_BUILD_SHELL=${source.fixture.bash}`;
  const entered = await runInsideOk(
    other,
    ['env', line, other.peer.program('nix-shell'), source.fixture.plainDrv, '--run', LOOK],
    {},
  );
  assert.equal(entered, await shellHere(source, 'shell.nix'));
});

peerTest('a shell by way of a cache', hereNeeds, async (nix) => {
  await using home = makeNixHome(nix('2.34'), { settings: { 'require-sigs': 'false' } });
  await using other = makeNixHome(nix('2.34'), { settings: { 'require-sigs': 'false' } });
  const source = { home, fixture: await makeShellFixture(home) };
  const cache = `file://${join(home.path, 'cache')}`;
  const { commands, talk } = await copyOk(source, ['structured.nix', '--to', cache]);
  assert.match(talk, /nothing keeps it in/);
  const [command = ''] = commands;
  assert.equal(
    command,
    `ferry shell copy ${source.fixture.structuredDrv} --from ${cache} --to auto`,
  );
  const env = { ...insideEnv(other), PATH: '/usr/bin:/bin' };
  const taken = await runInsideOk(
    other,
    ['sh', '-c', `exec ${command.replace('ferry', ferryBin)} --no-check-sigs`],
    { env },
  );
  assert.match(taken, /^ferry shell structured-shell$/m);
  const words = [ferryBin, 'shell', 'structured-shell', '--run', LOOK];
  const entered = await runInsideOk(other, words, { env });
  assert.equal(entered, await shellHere(source, 'structured.nix'));
});
