/**
 * What is odd on a host must not end in a wrong report: a place that takes no decision, names that programs take for
 * something else, a generation to go back to that is gone, a profile that is several links away.
 */
import assert from 'node:assert/strict';
import {
  chownSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  decideActivation,
  followActivation,
  startActivation,
  type ActivationRequest,
} from '../../src/deploy/agent/agent.ts';
import type { ActivationState } from '../../src/deploy/activation-state.ts';
import { openLocalHost, type LocalHost } from '../support/local-host.ts';

function addVersion(host: LocalHost, name: string, also = ''): string {
  return host.addClosure(name, { 'bin/activate': `echo ${name} >>${host.temp.path}/ran\n${also}` });
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

async function makeLive(host: LocalHost, request: ActivationRequest): Promise<ActivationState> {
  const id = await startActivation(host.connection, request);
  const state = await followActivation(host.connection, id);
  if (state.phase !== 'waiting') return state;
  await decideActivation(host.connection, id, 'confirm');
  return await followActivation(host.connection, id, { pastWaiting: true });
}

describe('an activation', { concurrency: 4 }, () => {
  test('goes back in time also where no decision can be written down', async () => {
    await using host = openLocalHost();
    await makeLive(host, requestFor(host, addVersion(host, 'old')));
    const request = { ...requestFor(host, addVersion(host, 'new')), confirmTimeoutMs: 2000 };
    const id = await startActivation(host.connection, request);
    assert.equal((await followActivation(host.connection, id)).phase, 'waiting');
    writeFileSync(join(host.activations, id, 'decision'), '');
    const state = await followActivation(host.connection, id, { pastWaiting: true });
    assert.equal(state.phase, 'rolled-back');
    assert.equal(state.reason, 'nobody confirmed within 2 s');
    assert.equal(host.read('ran'), 'old\nnew\nold\n');
  });

  test('runs a program whose path has a "=" in it', async () => {
    await using host = openLocalHost();
    const state = await makeLive(host, requestFor(host, addVersion(host, 'a=b')));
    assert.equal(state.phase, 'live');
    assert.equal(host.read('ran'), 'a=b\n');
  });

  test('takes no directory for a program', async () => {
    await using host = openLocalHost();
    const path = addVersion(host, 'new');
    rmSync(join(path, 'bin/activate'));
    mkdirSync(join(path, 'bin/activate'));
    const state = await makeLive(host, requestFor(host, path));
    assert.equal(state.phase, 'live', state.reason ?? '');
  });

  test('stays where it is when the generation before is gone', async () => {
    await using host = openLocalHost();
    const old = addVersion(host, 'old');
    await makeLive(host, requestFor(host, old));
    const collects = `rm -rf ${old} ${host.profile}-1-link; exit 3`;
    const state = await makeLive(host, requestFor(host, addVersion(host, 'new', collects)));
    assert.equal(state.phase, 'stuck');
    assert.match(state.reason ?? '', /ended with status 3; going back failed: "[^"]+" is gone$/);
    assert.equal(readlinkSync(host.profile), 'system-2-link');
  });

  test('goes back also where old generations were removed while it waited', async () => {
    await using host = openLocalHost();
    const old = addVersion(host, 'old');
    await makeLive(host, requestFor(host, old));
    const id = await startActivation(host.connection, requestFor(host, addVersion(host, 'new')));
    await followActivation(host.connection, id);
    rmSync(`${host.profile}-1-link`);
    assert.equal(await decideActivation(host.connection, id, 'roll-back'), 'accepted');
    const state = await followActivation(host.connection, id, { pastWaiting: true });
    assert.equal(state.phase, 'rolled-back');
    assert.equal(readlinkSync(host.profile), 'system-1-link');
    assert.equal(readlinkSync(`${host.profile}-1-link`), old);
  });

  test('goes back to what a profile led to through several links', async () => {
    await using host = openLocalHost();
    await makeLive(host, requestFor(host, addVersion(host, 'old')));
    const profile = host.temp.join('profile');
    symlinkSync('profiles/system', profile);
    const request = { ...requestFor(host, addVersion(host, 'new', 'exit 3')), profile };
    const state = await makeLive(host, request);
    assert.equal(state.phase, 'rolled-back');
    assert.equal(state.oldPath, host.temp.join('store', 'old'));
    assert.equal(readlinkSync(profile), 'profiles/system');
    assert.equal(host.read('ran'), 'old\nnew\nold\n');
  });

  test('is not live where somebody else set the profile meanwhile', async () => {
    await using host = openLocalHost();
    const other = addVersion(host, 'other');
    const id = await startActivation(host.connection, requestFor(host, addVersion(host, 'new')));
    await followActivation(host.connection, id);
    symlinkSync(other, `${host.profile}-2-link`);
    rmSync(host.profile);
    symlinkSync('system-2-link', host.profile);
    assert.equal(await decideActivation(host.connection, id, 'confirm'), 'accepted');
    const state = await followActivation(host.connection, id, { pastWaiting: true });
    assert.equal(state.phase, 'stuck');
    assert.equal(state.reason, 'it was confirmed, and the profile leads to "system-2-link" by now');
    assert.equal(readlinkSync(host.profile), 'system-2-link');
  });

  test('lets nobody else say what root goes back to', {
    skip: process.getuid?.() !== 0,
  }, async () => {
    await using host = openLocalHost();
    const path = addVersion(host, 'new');
    const home = host.temp.join('home');
    mkdirSync(home);
    chownSync(home, 65_533, 65_533);
    for (const profile of [join(home, 'profile'), join(home, 'profiles/deep/profile')]) {
      await assert.rejects(
        startActivation(host.connection, { ...requestFor(host, path), profile }),
        {
          code: 'denied',
          message: /home" belongs to another user: log in as that one$/,
        },
      );
    }
    assert.deepEqual(readdirSync(home), []);
    // Where the store is that user's, so is everything.
    chownSync(host.temp.join('store'), 65_533, 65_533);
    const state = await makeLive(host, {
      ...requestFor(host, path),
      profile: join(home, 'profile'),
    });
    assert.equal(state.phase, 'live');
  });
});
