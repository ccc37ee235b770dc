/** A sudo that repeats what it was told: the password of somebody must not get into messages that way. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readEnvironment } from '../config/environment.ts';
import { isFerryError } from '../error.ts';
import { openHost } from './open-host.ts';

const sudo = `#!/bin/sh
if [ "$2" = -n ]; then echo 'sudo: a password is required' >&2; exit 1; fi
printf %s "$3" >&2
IFS= read -r typed
echo "what was typed is $typed"
echo "sudo: $typed is not allowed to do this" >&2
exit 1
`;
const isRoot = process.getuid?.() === 0;

test('what sudo repeats is not repeated in messages', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'ferry-sudo-'));
  try {
    writeFileSync(join(directory, 'sudo'), sudo);
    chmodSync(join(directory, 'sudo'), 0o755);
    // Whoever is root already is somebody else here.
    if (isRoot) {
      writeFileSync(join(directory, 'id'), `#!/bin/sh\n[ "$1" = -u ] && echo 1000 || echo alice\n`);
      chmodSync(join(directory, 'id'), 0o755);
    }
    const env = readEnvironment({ PATH: `${directory}:/usr/bin:/bin`, HOME: '/nonexistent' });
    const target = { name: 'here', uri: 'ssh://localhost', becomeRoot: 'sudo' } as const;
    let asked = 0;
    const askSecret = async (): Promise<string> => `hunter2-${++asked}`;
    await using host = await openHost(target, { env, askSecret });
    await assert.rejects(host.run('true', { asRoot: true }), (error) => {
      assert.ok(isFerryError(error, 'denied'));
      assert.match(error.message, /sudo: \*\*\* is not allowed to do this/);
      assert.doesNotMatch(`${error.message} ${error.hint}`, /hunter2/);
      return true;
    });
    assert.equal(asked, 1);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
