/** What would be published, used as a stranger would: unpacked into an empty folder, every door opened. */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { runOk } from '../support/run.ts';
import { makeTempDirectory } from '../support/temp.ts';

const root = join(import.meta.dirname, '../..');

test('the package works where nothing else is', async () => {
  using temp = makeTempDirectory();
  await runOk(join(root, 'scripts/build.sh'), ['lib'], { cwd: root });
  await runOk('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', temp.path], {
    cwd: root,
  });
  writeFileSync(temp.join('package.json'), '{}');
  const modules = temp.join('node_modules');
  mkdirSync(modules);
  await runOk('sh', ['-c', 'tar -xzf nix-ferry-*.tgz && mv package node_modules/nix-ferry'], {
    cwd: temp.path,
  });
  for (const name of ['koffi', '@koromix'])
    symlinkSync(join(root, 'node_modules', name), join(modules, name));

  await runOk(join(root, 'node_modules/.bin/publint'), ['--strict', join(modules, 'nix-ferry')], {
    cwd: root,
  });

  writeFileSync(
    temp.join('stranger.mjs'),
    `import { copyClosure, openStore } from 'nix-ferry';
     import { parseStorePathBaseName } from 'nix-ferry/format';
     import { NarHasher } from 'nix-ferry/nar';
     import { serveOperations } from 'nix-ferry/wire';
     import { openLocalStore } from 'nix-ferry/store';
     await using a = await openStore('./a');
     const { path } = await a.addContent('tree', { name: 'tree', method: 'nar', algorithm: 'sha256' });
     await using b = await openStore('./b');
     const { copied } = await copyClosure(a, b, [path]);
     console.log(copied, parseStorePathBaseName(path) === path, serveOperations.size, typeof openLocalStore, typeof NarHasher);
    `,
  );
  mkdirSync(temp.join('tree'));
  writeFileSync(temp.join('tree/file'), 'hello');
  const env = { PATH: dirname(process.execPath), HOME: temp.path };
  const stdout = await runOk(process.execPath, ['stranger.mjs'], { cwd: temp.path, env });
  assert.equal(stdout.trim(), '1 true 9 function function');
  const ferry = join(modules, 'nix-ferry/bin/ferry');
  const usual = { ...env, PATH: `${env.PATH}:/usr/bin:/bin` };
  assert.match(await runOk(ferry, ['--version'], { cwd: temp.path, env: usual }), /^ferry \d/);
  await runOk(ferry, ['store', 'verify', '--store', './b', '--all'], {
    cwd: temp.path,
    env: usual,
  });
});
