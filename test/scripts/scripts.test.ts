/** Runs the scripts beside this file. `UPDATE_SCRIPTS=1` writes what was printed into them: read the diff. */
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { replay } from './run-script.ts';

const scripts = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.txt'));

void suite('scripts', { concurrency: 2 }, () => {
  for (const name of scripts) {
    void test(name, async () => {
      const file = join(import.meta.dirname, name);
      const { expected, actual } = await replay(file);
      if (process.env['UPDATE_SCRIPTS'] === '1') writeFileSync(file, actual);
      else assert.equal(actual, expected);
    });
  }
});
