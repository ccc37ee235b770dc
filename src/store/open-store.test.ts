import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readEnvironment } from '../config/environment.ts';
import { loadSettings } from '../config/settings.ts';
import { messageOf } from '../error.ts';
import { openStore } from './open-store.ts';

test('no line about a store has the password in its URI', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'ferry-open-store-'));
  t.after(() => rmSync(home, { recursive: true }));
  const env = readEnvironment({ HOME: home, NIX_CONF_DIR: home });
  const settings = loadSettings(env, new Map([['download-attempts', '1']]));
  const lines: string[] = [];
  // Nobody listens there.
  const uri = 'http://alice:hunter2@127.0.0.1:1?no-such-parameter=1';
  await assert.rejects(
    openStore(uri, { env, settings, onDiagnostic: (line) => lines.push(line) }),
    (error) => {
      lines.push(messageOf(error));
      return true;
    },
  );
  assert.ok(lines.some((line) => line.includes('"no-such-parameter"')));
  assert.deepEqual(
    lines.filter((line) => line.includes('hunter2')),
    [],
  );
});
