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

for (const runs of ['nix-2.34', 'nix-2.26', 'nix-2.8', 'ferry'] as const) {
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
    ] as const) {
      // Without a daemon the store is root's.
      if (runs === 'ferry' && user !== 'root') continue;
      await context.test(`${file}, by ${user}`, async () => {
        const words = [file, '--to', host.uri(user), '--root', name];
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
      });
    }
  });
}
