/**
 * What becomes of activations on a host, whatever happens to them: the agent's scripts on this machine, in each shell that
 * there is, with a small nix-env. Beside real Nix and over ssh they are in `test/interop/activation.test.ts`.
 */
import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  decideActivation,
  findActivation,
  followActivation,
  readActivation,
  recoverActivation,
  startActivation,
  type ActivationRequest,
} from '../../src/deploy/agent/agent.ts';
import type { ActivationState } from '../../src/deploy/activation-state.ts';
import { messageOf } from '../../src/error.ts';
import { openLocalHost, type LocalHost } from '../support/local-host.ts';
import { findProgram, peersDirectory } from '../support/peers.ts';
import { waitUntil } from '../support/processes.ts';
import { randomOf } from '../support/seed.ts';

const busybox = [join(peersDirectory(), 'shell-packages/busybox'), findProgram('busybox')].find(
  (path) => path !== undefined && existsSync(path),
);
const shells: readonly (readonly string[])[] = [
  ['/bin/sh'],
  ...(busybox === undefined ? [] : [[busybox, 'sh']]),
];

/** A closure that writes into the home what runs. */
function addVersion(host: LocalHost, name: string, also = ''): string {
  const { path } = host.temp;
  return host.addClosure(name, {
    'bin/activate': `echo "${name} begins"; echo ${name} >>${path}/ran; ${also}\necho "${name} ends"`,
  });
}

function requestFor(host: LocalHost, newPath: string): ActivationRequest {
  return {
    profile: host.profile,
    newPath,
    activation: { kind: 'auto' },
    activationTimeoutMs: 20_000,
    confirmTimeoutMs: 20_000,
  };
}

interface Outcome {
  readonly state: ActivationState;
  readonly lines: readonly string[];
}

async function follow(host: LocalHost, id: string, pastWaiting = true): Promise<Outcome> {
  const lines: string[] = [];
  const onLine = (line: string): void => void lines.push(line);
  const state = await followActivation(host.connection, id, { onLine, pastWaiting });
  return { state, lines };
}

/** From the start to the end, confirmed where it waits. */
async function makeLive(host: LocalHost, request: ActivationRequest): Promise<Outcome> {
  const id = await startActivation(host.connection, request);
  const { state } = await follow(host, id, false);
  if (state.phase === 'waiting') {
    assert.equal(await decideActivation(host.connection, id, 'confirm'), 'accepted');
  }
  return await follow(host, id);
}

async function withOldVersion(host: LocalHost): Promise<string> {
  const old = addVersion(host, 'old');
  const { state } = await makeLive(host, requestFor(host, old));
  assert.equal(state.phase, 'live');
  assert.equal(state.newGeneration, 1);
  return old;
}

const current = (host: LocalHost): string => readlinkSync(host.profile);
const ran = (host: LocalHost): string[] => host.read('ran').trim().split('\n');

for (const shell of shells) {
  describe(`an activation by ${shell.join(' ')}`, { concurrency: 4 }, () => {
    test('is live when it is confirmed', async () => {
      await using host = openLocalHost({ shell });
      const old = await withOldVersion(host);
      const path = addVersion(host, 'new');
      const { state, lines } = await makeLive(host, requestFor(host, path));
      assert.deepEqual(
        { ...state, id: '', changedAt: 0 },
        {
          id: '',
          phase: 'live',
          profile: host.profile,
          newPath: path,
          oldPath: old,
          oldGeneration: 1,
          newGeneration: 2,
          reason: undefined,
          changedAt: 0,
        },
      );
      assert.ok(Math.abs(state.changedAt - Date.now() / 1000) < 60);
      assert.deepEqual(lines, ['new begins', 'new ends']);
      assert.equal(current(host), 'system-2-link');
      assert.deepEqual(ran(host), ['old', 'new']);
    });

    test('goes back when nobody confirms it', async () => {
      await using host = openLocalHost({ shell });
      await withOldVersion(host);
      const request = requestFor(host, addVersion(host, 'new'));
      const id = await startActivation(host.connection, { ...request, confirmTimeoutMs: 1000 });
      const { state, lines } = await follow(host, id);
      assert.equal(state.phase, 'rolled-back');
      assert.equal(state.reason, 'nobody confirmed within 1 s');
      assert.deepEqual(lines, ['new begins', 'new ends', 'old begins', 'old ends']);
      assert.equal(current(host), 'system-1-link');
      assert.equal(await decideActivation(host.connection, id, 'confirm'), 'too-late');
      assert.equal(await decideActivation(host.connection, id, 'roll-back'), 'too-late');
    });

    test('goes back when it is told to', async () => {
      await using host = openLocalHost({ shell });
      await withOldVersion(host);
      const request = requestFor(host, addVersion(host, 'new'));
      const id = await startActivation(host.connection, request);
      await follow(host, id, false);
      assert.equal(await decideActivation(host.connection, id, 'roll-back'), 'accepted');
      // The answer may have been lost on its way.
      assert.equal(await decideActivation(host.connection, id, 'roll-back'), 'accepted');
      assert.equal(await decideActivation(host.connection, id, 'confirm'), 'too-late');
      const { state } = await follow(host, id);
      assert.equal(state.phase, 'rolled-back');
      assert.equal(state.reason, 'it was told to go back');
      assert.deepEqual(ran(host), ['old', 'new', 'old']);
    });

    test('goes back when its program fails', async () => {
      await using host = openLocalHost({ shell });
      await withOldVersion(host);
      const request = requestFor(host, addVersion(host, 'new', 'exit 4'));
      const { state, lines } = await makeLive(host, request);
      assert.equal(state.phase, 'rolled-back');
      assert.equal(state.reason, 'bin/activate ended with status 4');
      assert.deepEqual(lines, ['new begins', 'old begins', 'old ends']);
      assert.equal(current(host), 'system-1-link');
    });

    test('goes back when its program is killed', async () => {
      await using host = openLocalHost({ shell });
      await withOldVersion(host);
      const { state } = await makeLive(
        host,
        requestFor(host, addVersion(host, 'new', 'kill -KILL $$')),
      );
      assert.equal(state.phase, 'rolled-back');
      assert.equal(state.reason, 'bin/activate was killed by signal 9');
    });

    test('kills a program that hangs, with all that stayed with it', async () => {
      await using host = openLocalHost({ shell });
      await withOldVersion(host);
      const hangs = `trap '' TERM; (trap '' TERM; while :; do echo more >>${host.temp.path}/alive; sleep 0.1; done) & sleep 1000`;
      const request = requestFor(host, addVersion(host, 'new', hangs));
      const id = await startActivation(host.connection, { ...request, activationTimeoutMs: 1000 });
      const { state } = await follow(host, id);
      assert.equal(state.phase, 'rolled-back');
      assert.equal(state.reason, 'bin/activate had not ended after 1 s');
      assert.equal(current(host), 'system-1-link');
      const before = host.read('alive');
      assert.notEqual(before, '');
      await sleep(500);
      assert.equal(host.read('alive'), before);
    });
  });
}

describe('an activation', { concurrency: 4 }, () => {
  test('without an old generation takes its profile away again', async () => {
    await using host = openLocalHost();
    const path = addVersion(host, 'new', 'exit 1');
    const { state } = await makeLive(host, requestFor(host, path));
    assert.equal(state.phase, 'rolled-back');
    assert.equal(
      state.reason,
      'bin/activate ended with status 1; there was no generation before, so the profile was removed',
    );
    assert.equal(lstatSync(host.profile, { throwIfNoEntry: false }), undefined);
  });

  test('is stuck when going back fails as well', async () => {
    await using host = openLocalHost();
    const flag = host.temp.join('broken');
    const old = addVersion(host, 'old', `[ ! -e ${flag} ] || exit 7`);
    await makeLive(host, requestFor(host, old));
    writeFileSync(flag, '');
    const { state } = await makeLive(host, requestFor(host, addVersion(host, 'new', 'exit 4')));
    assert.equal(state.phase, 'stuck');
    assert.equal(
      state.reason,
      'bin/activate ended with status 4; going back failed: bin/activate ended with status 7',
    );
    assert.equal(current(host), 'system-1-link');
    // It is no obstacle to the next one.
    const next = await makeLive(host, requestFor(host, addVersion(host, 'third')));
    assert.equal(next.state.phase, 'live');
  });

  test('leaves a profile alone that somebody else has set meanwhile', async () => {
    await using host = openLocalHost();
    await withOldVersion(host);
    const request = requestFor(host, addVersion(host, 'new'));
    const id = await startActivation(host.connection, request);
    await follow(host, id, false);
    const theirs = addVersion(host, 'theirs');
    symlinkSync(theirs, `${host.profile}-9-link`);
    unlinkSync(host.profile);
    symlinkSync('system-9-link', host.profile);
    await decideActivation(host.connection, id, 'roll-back');
    const { state } = await follow(host, id);
    assert.equal(state.phase, 'stuck');
    assert.match(state.reason ?? '', /"system-9-link" by now, which somebody else did/);
    assert.equal(current(host), 'system-9-link');
  });

  test('quotes no line breaks of others', async () => {
    await using host = openLocalHost();
    await withOldVersion(host);
    const id = await startActivation(host.connection, requestFor(host, addVersion(host, 'new')));
    await follow(host, id, false);
    unlinkSync(host.profile);
    symlinkSync('elsewhere\nphase live\u001b[2J\nend\n', host.profile);
    await decideActivation(host.connection, id, 'roll-back');
    const { state } = await follow(host, id);
    assert.equal(state.phase, 'stuck');
    assert.match(state.reason ?? '', /"elsewherephase live\[2Jend" by now/);
  });

  test('goes back by itself where nix-env is gone', async () => {
    await using host = openLocalHost();
    await withOldVersion(host);
    const gone = `rm ${host.temp.path}/bin/nix-env; exit 1`;
    const { state } = await makeLive(host, requestFor(host, addVersion(host, 'new', gone)));
    assert.equal(state.phase, 'rolled-back');
    assert.equal(current(host), 'system-1-link');
  });

  test('goes to a generation that there is', async () => {
    await using host = openLocalHost();
    const old = await withOldVersion(host);
    const path = addVersion(host, 'new');
    await makeLive(host, requestFor(host, path));
    const back = await makeLive(host, { ...requestFor(host, old), generation: 1 });
    assert.equal(back.state.phase, 'live');
    assert.equal(back.state.newGeneration, 1);
    assert.equal(back.state.oldGeneration, 2);
    assert.equal(current(host), 'system-1-link');
    const other = startActivation(host.connection, { ...requestFor(host, path), generation: 1 });
    await assert.rejects(other, { code: 'conflict' });
    const none = startActivation(host.connection, { ...requestFor(host, path), generation: 5 });
    await assert.rejects(none, { code: 'not-found', message: /has no generation 5/ });
  });

  test('sets the profile alone where nothing is to be run', async () => {
    await using host = openLocalHost();
    for (const [activation, closure] of [
      [{ kind: 'none' }, addVersion(host, 'a')],
      [{ kind: 'none' }, host.addClosure('b')],
    ] as const) {
      const id = await startActivation(host.connection, {
        ...requestFor(host, closure),
        activation,
      });
      const { state } = await follow(host, id, false);
      assert.equal(state.phase, 'live');
    }
    assert.equal(host.read('ran'), '');
    assert.equal(current(host), 'system-2-link');
  });

  test('waits for no confirmation where none is wanted', async () => {
    await using host = openLocalHost();
    const request = { ...requestFor(host, addVersion(host, 'new')), confirmTimeoutMs: 0 };
    const id = await startActivation(host.connection, request);
    const { state } = await follow(host, id, false);
    assert.equal(state.phase, 'live');
    assert.equal(await decideActivation(host.connection, id, 'confirm'), 'accepted');
    assert.equal(await decideActivation(host.connection, id, 'roll-back'), 'too-late');
  });

  test('runs a command as it was written, in the directory of the closure', async () => {
    await using host = openLocalHost();
    const closure = host.addClosure("with 'quotes' and blanks");
    const command = `pwd >"${host.temp.path}/where"\nprintf '%s|' 'it'"'"'s' "a\\\\b" $(( 1 + 1 )) '\`x\`' '\${y}' >'${host.temp.path}/said'`;
    const { state } = await makeLive(host, {
      ...requestFor(host, closure),
      activation: { kind: 'command', command },
    });
    assert.equal(state.phase, 'live');
    assert.equal(host.read('where').trim(), closure);
    assert.equal(host.read('said'), "it's|a\\b|2|`x`|${y}|");
  });

  test('runs the same command in the old closure to go back', async () => {
    await using host = openLocalHost();
    const command = `pwd >>${host.temp.path}/ran; [ ! -e broken ]`;
    const activation = { kind: 'command', command } as const;
    const old = host.addClosure('old');
    await makeLive(host, { ...requestFor(host, old), activation });
    const broken = host.addClosure('new', { broken: '' });
    const { state } = await makeLive(host, { ...requestFor(host, broken), activation });
    assert.equal(state.reason, 'the activation command ended with status 1');
    assert.deepEqual(ran(host), [old, broken, old]);
  });

  test('asks a NixOS system for its action, and the old one for the same to go back', async () => {
    for (const action of ['switch', 'boot', 'dry-activate'] as const) {
      await using host = openLocalHost();
      const system = (name: string, also = ''): string =>
        host.addClosure(name, {
          'bin/switch-to-configuration': `echo ${name} "$@" >>${host.temp.path}/ran; ${also}`,
          'bin/activate': 'exit 9',
        });
      await makeLive(host, requestFor(host, system('old')));
      const activation = { kind: 'nixos', action } as const;
      const bad = system('bad', 'exit 100');
      const { state } = await makeLive(host, { ...requestFor(host, bad), activation });
      assert.equal(state.phase, 'rolled-back');
      assert.match(state.reason ?? '', new RegExp(`^bin/switch-to-configuration ${action} ended`));
      assert.equal(current(host), 'system-1-link');
      const goesBack = action === 'dry-activate' ? [] : [`old ${action}`];
      assert.deepEqual(ran(host), ['old switch', `bad ${action}`, ...goesBack]);

      const id = await startActivation(host.connection, {
        ...requestFor(host, system('good')),
        activation,
      });
      const { state: after } = await follow(host, id, false);
      assert.equal(after.phase, action === 'switch' ? 'waiting' : 'live');
      assert.equal(current(host), action === 'dry-activate' ? 'system-1-link' : 'system-3-link');
      await decideActivation(host.connection, id, 'confirm');
      await follow(host, id);
    }
  });

  test('of a program that the closure lacks goes back before anything runs', async () => {
    await using host = openLocalHost();
    await withOldVersion(host);
    const closure = host.addClosure('new');
    const { state } = await makeLive(host, {
      ...requestFor(host, closure),
      activation: { kind: 'program', path: 'bin/activate' },
    });
    assert.equal(state.phase, 'rolled-back');
    assert.equal(state.reason, `"${closure}" has no bin/activate`);
  });

  test('gives its program the environment of a login', async () => {
    await using host = openLocalHost({
      env: { LOCALE_ARCHIVE: '/some/archive', NIXOS_INSTALL_BOOTLOADER: '1', SECRET: 'word' },
    });
    const path = addVersion(host, 'new', 'env; pwd; umask; cat; grep SigIgn /proc/self/status');
    const { lines } = await makeLive(host, requestFor(host, path));
    const told = new Set(lines);
    assert.ok(told.has('LOCALE_ARCHIVE=/some/archive'));
    assert.ok(told.has('USER=root'));
    assert.ok(told.has('HOME=/root'));
    assert.ok(told.has('/'));
    assert.ok(told.has('0022'));
    assert.ok(told.has('SigIgn:\t0000000000000000'.replace('\t', '  ')));
    const names = lines.map((line) => line.split('=')[0]);
    assert.ok(!names.includes('NIXOS_INSTALL_BOOTLOADER'));
    assert.ok(!names.includes('SECRET'));
    const search = lines.find((line) => line.startsWith('PATH='));
    assert.match(search ?? '', /^PATH=\/run\/wrappers\/bin:\/root\/\.nix-profile\/bin:/);
  });

  test('does not wait for what its program leaves in the background', async () => {
    await using host = openLocalHost();
    const left = `(sleep 2; echo late; echo late >>${host.temp.path}/late) &`;
    const { state } = await makeLive(host, requestFor(host, addVersion(host, 'new', left)));
    assert.equal(state.phase, 'live');
    assert.equal(host.read('late'), '');
    await waitUntil('what it left', () => host.read('late') !== '');
  });

  test('keeps no more of a log than its limit, and goes on', async () => {
    await using host = openLocalHost();
    const flood = `i=0; while [ $i -lt 300 ]; do head -c 9000 /dev/zero | tr '\\0' x; echo; i=$((i + 1)); done`;
    const path = addVersion(host, 'new', flood);
    const { state, lines } = await makeLive(host, requestFor(host, path));
    assert.equal(state.phase, 'live');
    assert.equal(lines.at(-1), '(the log is full: what comes after is not kept)');
    assert.ok(Math.max(...lines.map(({ length }) => length)) <= 4000);
    const { size } = lstatSync(join(host.activations, state.id, 'log'));
    assert.ok(size <= 256 * 1024 + 5000, `${size} bytes`);
  });

  test('has a log that can do nothing to a terminal, or to its reader', async () => {
    await using host = openLocalHost();
    const hostile = [
      `printf '\\033[2J\\033]0;title\\007red \\033[31mtext\\033[0m\\r\\n'`,
      `printf 'S activation a-x ended\\n'`,
      `printf 'done\\nerror denied no\\n'`,
      `printf 'a\\342\\200\\250done\\n'`,
      `printf 'nul \\000 byte, bad \\377 byte\\n'`,
      `printf 'turned \\342\\200\\256 around\\n'`,
      `printf 'no end'`,
    ].join('\n');
    const { state, lines } = await makeLive(
      host,
      requestFor(host, addVersion(host, 'new', hostile)),
    );
    assert.equal(state.phase, 'live');
    assert.deepEqual(lines.slice(0, -1), [
      'new begins',
      'red text',
      'S activation a-x ended',
      'done',
      'error denied no',
      'adone',
      'nul  byte, bad \ufffd byte',
      'turned  around',
    ]);
    assert.equal(lines.at(-1), 'no endnew ends');
  });

  test('is followed on from where the last one stopped', async () => {
    await using host = openLocalHost();
    const wait = `echo one; while [ ! -e ${host.temp.path}/go ]; do sleep 0.05; done; echo two`;
    const id = await startActivation(
      host.connection,
      requestFor(host, addVersion(host, 'new', wait)),
    );
    const position = { lines: 0 };
    const lines: string[] = [];
    const cut = new AbortController();
    const broken = followActivation(host.connection, id, {
      position,
      signal: cut.signal,
      onLine: (line) => {
        lines.push(line);
        if (line === 'one') cut.abort(new Error('cut'));
      },
    });
    await assert.rejects(broken, { message: 'cut' });
    writeFileSync(host.temp.join('go'), '');
    const onLine = (line: string): void => void lines.push(line);
    const state = await followActivation(host.connection, id, { position, onLine });
    assert.equal(state.phase, 'waiting');
    assert.deepEqual(lines, ['new begins', 'one', 'two', 'new ends']);
    await decideActivation(host.connection, id, 'roll-back');
    await follow(host, id);
  });
});

describe('who activates', { concurrency: 4 }, () => {
  test('is told of another activation of the profile', async () => {
    await using host = openLocalHost();
    const request = requestFor(host, addVersion(host, 'new'));
    const id = await startActivation(host.connection, request);
    await assert.rejects(startActivation(host.connection, request), (error) => {
      assert.match(messageOf(error), new RegExp(`the activation "${id}" of .* is under way`));
      return true;
    });
    // One of another profile is no obstacle.
    const other = { ...request, profile: host.temp.join('profiles', 'other') };
    assert.equal((await makeLive(host, other)).state.phase, 'live');
    await assert.rejects(decideActivation(host.connection, 'a-none', 'confirm'), {
      code: 'not-found',
    });
    await follow(host, id, false);
    await decideActivation(host.connection, id, 'confirm');
    await follow(host, id);
    assert.equal((await makeLive(host, request)).state.phase, 'live');
  });

  test('starts one alone, however many start at once', async () => {
    await using host = openLocalHost();
    const request = requestFor(host, addVersion(host, 'new'));
    const started = await Promise.allSettled(
      Array.from({ length: 8 }, () => startActivation(host.connection, request)),
    );
    const ids = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    assert.equal(ids.length, 1);
    for (const one of started) {
      if (one.status === 'rejected') assert.match(messageOf(one.reason), /is under way/);
    }
    const state = await findActivation(host.connection, host.profile);
    assert.equal(state?.id, ids[0]);
    await follow(host, state?.id ?? '', false);
    await decideActivation(host.connection, state?.id ?? '', 'roll-back');
    await follow(host, state?.id ?? '');
    assert.deepEqual(ran(host), ['new']);
    // Nothing is left of the others.
    assert.equal(readdirSync(host.activations).length, 2);
  });

  test('finds nothing where nothing was activated', async () => {
    await using host = openLocalHost();
    assert.equal(await findActivation(host.connection, host.profile), undefined);
    await assert.rejects(readActivation(host.connection, 'a-x'), { code: 'not-found' });
    await assert.rejects(readActivation(host.connection, '../x'), { code: 'usage' });
  });

  test('is refused before anything is changed', async () => {
    await using host = openLocalHost();
    const path = addVersion(host, 'new');
    const request = requestFor(host, path);
    const refused = async (changes: Partial<ActivationRequest>, code: string): Promise<void> => {
      const start = startActivation(host.connection, { ...request, ...changes });
      await assert.rejects(start, { code });
    };
    await refused({ newPath: '/nowhere' }, 'not-found');
    await refused({ newPath: 'relative' }, 'usage');
    await refused({ profile: '/a/../b' }, 'usage');
    await refused({ profile: '/a\nb' }, 'usage');
    await refused({ activation: { kind: 'program', path: '../x' } }, 'usage');
    await refused({ activation: { kind: 'command', command: 'a\0b' } }, 'usage');
    mkdirSync(host.profile, { recursive: true });
    await refused({}, 'conflict');
    assert.equal(existsSync(host.activations) && readdirSync(host.activations).length > 1, false);
  });

  test('follows no link of others into the state directory', async () => {
    await using host = openLocalHost();
    mkdirSync(host.temp.join('elsewhere'));
    mkdirSync(host.temp.join('state'));
    symlinkSync(host.temp.join('elsewhere'), host.temp.join('state', 'ferry'));
    const start = startActivation(host.connection, requestFor(host, addVersion(host, 'new')));
    await assert.rejects(start, { code: 'conflict', message: /is not a directory/ });
    assert.deepEqual(readdirSync(host.temp.join('elsewhere')), []);
  });

  test('confirms only what waits', async () => {
    await using host = openLocalHost();
    const path = addVersion(
      host,
      'new',
      `while [ ! -e ${host.temp.path}/go ]; do sleep 0.05; done`,
    );
    const id = await startActivation(host.connection, requestFor(host, path));
    await assert.rejects(decideActivation(host.connection, id, 'confirm'), {
      code: 'conflict',
      message: /it is "(?:activating|prepared)", and does not wait/,
    });
    // Going back is possible at any time; what runs is let end.
    assert.equal(await decideActivation(host.connection, id, 'roll-back'), 'accepted');
    writeFileSync(host.temp.join('go'), '');
    const { state, lines } = await follow(host, id);
    assert.equal(state.phase, 'rolled-back');
    assert.ok(lines.includes('new ends'));
  });

  test('keeps the last ten activations of a profile', async () => {
    await using host = openLocalHost();
    const request = { ...requestFor(host, addVersion(host, 'new')), confirmTimeoutMs: 0 };
    const other = await makeLive(host, { ...request, profile: host.temp.join('profiles', 'b') });
    const ids: string[] = [];
    for (let i = 0; i < 13; i++) ids.push((await makeLive(host, request)).state.id);
    const kept = readdirSync(host.activations).filter((name) => name !== 'turns');
    assert.deepEqual(kept.sort(), [...ids.slice(-10), other.state.id].sort());
    assert.equal((await findActivation(host.connection, host.profile))?.id, ids.at(-1));
  });
});

describe('a decision', { concurrency: 4 }, () => {
  for (const round of [1, 2, 3, 4, 5]) {
    test(`is one, however many decide at once: round ${round}`, async () => {
      await using host = openLocalHost();
      await withOldVersion(host);
      const id = await startActivation(host.connection, requestFor(host, addVersion(host, 'new')));
      await follow(host, id, false);
      const words = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 'confirm' : 'roll-back'));
      const answers = await Promise.all(
        words.map((word) =>
          decideActivation(host.connection, id, word === 'confirm' ? 'confirm' : 'roll-back'),
        ),
      );
      const { state } = await follow(host, id);
      const winner = state.phase === 'live' ? 'confirm' : 'roll-back';
      for (const [i, answer] of answers.entries()) {
        assert.equal(answer, words[i] === winner ? 'accepted' : 'too-late');
      }
      assert.equal(current(host), winner === 'confirm' ? 'system-2-link' : 'system-1-link');
    });
  }

  test('that comes when the time is up is accepted or too late, and that is true', async () => {
    await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        await using host = openLocalHost();
        await withOldVersion(host);
        const request = requestFor(host, addVersion(host, 'new'));
        const id = await startActivation(host.connection, { ...request, confirmTimeoutMs: 2000 });
        await follow(host, id, false);
        await sleep(1500 + 100 * i);
        const answer = await decideActivation(host.connection, id, 'confirm');
        const { state } = await follow(host, id);
        assert.equal(state.phase, answer === 'accepted' ? 'live' : 'rolled-back');
        assert.equal(current(host), answer === 'accepted' ? 'system-2-link' : 'system-1-link');
      }),
    );
  });
});

/** The agent that cares for an activation, if it has begun. */
function agentPid(host: LocalHost, id: string): number | undefined {
  try {
    const directory = join(host.activations, id);
    const [name] = readdirSync(directory)
      .filter((entry) => entry.startsWith('agent.0'))
      .sort()
      .slice(-1);
    return name === undefined
      ? undefined
      : Number(readlinkSync(join(directory, name)).split(':')[0]);
  } catch {
    return undefined;
  }
}

describe('an activation whose agent is gone', { concurrency: 4 }, () => {
  for (let round = 1; round <= 20; round++) {
    test(`is lost, and recovered, whenever it was killed: round ${round}`, async (context) => {
      const random = randomOf(context);
      const delayMs = random.integer(1500);
      const decides = random.integer(3) === 0;
      await using host = openLocalHost();
      await withOldVersion(host);
      const path = addVersion(host, 'new', 'sleep 0.5');
      const id = await startActivation(host.connection, requestFor(host, path));
      await sleep(delayMs);
      let isConfirmed = false;
      if (decides) {
        isConfirmed = await decideActivation(host.connection, id, 'confirm').then(
          (answer) => answer === 'accepted',
          () => false,
        );
      }
      const pid = agentPid(host, id);
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
      const found = await findActivation(host.connection, host.profile);
      assert.ok(found?.phase === 'lost' || (isConfirmed && found?.phase === 'live'));
      const request = requestFor(host, addVersion(host, 'third'));
      if (found.phase === 'lost') {
        await assert.rejects(startActivation(host.connection, request), { message: /was cut off/ });
      }
      const state = await recoverActivation(host.connection, id);
      assert.equal(state.phase, isConfirmed ? 'live' : 'rolled-back', state.reason ?? '');
      assert.equal(current(host), isConfirmed ? 'system-2-link' : 'system-1-link');
      assert.equal(ran(host).at(-1), isConfirmed ? 'new' : 'old');
      // Again, it changes nothing.
      assert.deepEqual(await recoverActivation(host.connection, id), state);
      assert.equal((await makeLive(host, request)).state.phase, 'live');
    });
  }

  test('is recovered by one alone, however many recover it', async () => {
    await using host = openLocalHost();
    await withOldVersion(host);
    const id = await startActivation(host.connection, requestFor(host, addVersion(host, 'new')));
    await follow(host, id, false);
    process.kill(agentPid(host, id) ?? 0, 'SIGKILL');
    const states = await Promise.all(
      Array.from({ length: 6 }, () => recoverActivation(host.connection, id)),
    );
    for (const state of states) assert.equal(state.phase, 'rolled-back');
    assert.deepEqual(ran(host), ['old', 'new', 'old']);
  });

  test('is recovered by another when who recovers it is killed as well', async () => {
    await using host = openLocalHost();
    const old = addVersion(host, 'old', `[ -e ${host.temp.path}/quick ] || sleep 3`);
    await makeLive(host, requestFor(host, old));
    const id = await startActivation(host.connection, requestFor(host, addVersion(host, 'new')));
    await follow(host, id, false);
    process.kill(agentPid(host, id) ?? 0, 'SIGKILL');
    const first = recoverActivation(host.connection, id);
    await waitUntil('the way back', () => ran(host).length === 3);
    process.kill(agentPid(host, id) ?? 0, 'SIGKILL');
    assert.equal((await first).phase, 'lost');
    writeFileSync(host.temp.join('quick'), '');
    const state = await recoverActivation(host.connection, id);
    assert.equal(state.phase, 'rolled-back');
    assert.deepEqual(ran(host), ['old', 'new', 'old', 'old']);
  });

  test('is recovered from what a power loss left of its files', async () => {
    await using host = openLocalHost();
    await withOldVersion(host);
    const id = await startActivation(host.connection, requestFor(host, addVersion(host, 'new')));
    await follow(host, id, false);
    process.kill(agentPid(host, id) ?? 0, 'SIGKILL');
    // Renamed, and never written.
    writeFileSync(join(host.activations, id, 'state'), '');
    writeFileSync(join(host.activations, id, 'state.new'), 'ferry-activation 1\nphase li');
    const found = await findActivation(host.connection, host.profile);
    assert.equal(found?.phase, 'lost');
    const state = await recoverActivation(host.connection, id);
    assert.equal(state.phase, 'rolled-back');
    assert.equal(current(host), 'system-1-link');
  });

  test('that never was written down whole is as if it had not been', async () => {
    await using host = openLocalHost();
    await withOldVersion(host);
    const id = await startActivation(host.connection, requestFor(host, addVersion(host, 'new')));
    await follow(host, id, false);
    process.kill(agentPid(host, id) ?? 0, 'SIGKILL');
    for (const name of ['state', 'request']) writeFileSync(join(host.activations, id, name), '');
    unlinkSync(join(host.activations, id, 'begun'));
    assert.equal(await findActivation(host.connection, host.profile), undefined);
    const { state } = await makeLive(host, requestFor(host, addVersion(host, 'third')));
    assert.equal(state.phase, 'live');
  });

  test('of another start of the host is lost, whatever has its number now', async () => {
    await using host = openLocalHost();
    const id = await startActivation(host.connection, requestFor(host, addVersion(host, 'new')));
    await follow(host, id, false);
    const pid = agentPid(host, id) ?? 0;
    process.kill(pid, 'SIGKILL');
    const link = join(host.activations, id, 'agent.00000001');
    const [, start, boot] = readlinkSync(link).split(':');
    for (const identity of [
      `${process.pid}:${start}:${boot}`,
      `${pid}:${start}:another-boot`,
      'void',
      '::',
      `x:${start}:${boot}`,
    ]) {
      unlinkSync(link);
      symlinkSync(identity, link);
      const found = await findActivation(host.connection, host.profile);
      assert.equal(found?.phase, 'lost', identity);
    }
  });
});
