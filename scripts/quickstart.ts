/**
 * The README's first command: ferry's main job on a real closure, on a machine without Nix. The closure is the Node that
 * runs this, the shared libraries it loads, and ferry itself; the references between them are found by scanning. Every
 * step is a command that a user would type.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const keep = process.argv.includes('--keep');
const place = realpathSync(mkdtempSync(join(tmpdir(), 'ferry-quickstart-')));
// Both stores use the directory in which the second one really lies: what was copied there can run from there.
const storeDir = join(place, 'b/nix/store');
const env = {
  ...process.env,
  PATH: `${join(root, 'bin')}:${process.env['PATH'] ?? ''}`,
  NIX_STORE_DIR: storeDir,
  NIX_CONF_DIR: join(place, 'etc'),
  HOME: place,
};

function say(text: string): void {
  process.stdout.write(`\n${styleText('bold', text)}\n`);
}

function show(words: readonly string[]): void {
  const quoted = words.map((word) => (/^[\w./:=@%+,-]+$/.test(word) ? word : `'${word}'`));
  process.stdout.write(
    `${styleText('cyan', '$')} ${quoted.join(' ').replaceAll(`${place}/`, '')}\n`,
  );
}

/** Runs what the user would type; a failure ends the quickstart. */
function type(...words: readonly [string, ...string[]]): void {
  show(words);
  const { status } = spawnSync(words[0], words.slice(1), {
    cwd: place,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) throw new Error(`"${words.join(' ')}" ended with status ${status}`);
}

/** The same, for its output. */
function ask(...words: readonly [string, ...string[]]): string {
  const { status, stdout } = spawnSync(words[0], words.slice(1), {
    cwd: place,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`"${words.join(' ')}" ended with status ${status}`);
  return stdout.trim();
}

/** Adds a tree to the first store; what it mentions of the paths there becomes its references. */
function add(name: string, tree: string): string {
  const words = [
    'ferry',
    'store',
    'add',
    '--store',
    './a',
    '--name',
    name,
    '--scan-references',
    tree,
  ] as const;
  show(words);
  const path = ask(...words);
  process.stdout.write(`${path}\n`);
  return path;
}

function script(tree: string, name: string, text: string): void {
  mkdirSync(join(tree, 'bin'), { recursive: true });
  writeFileSync(join(tree, 'bin', name), `#!/bin/sh\n${text}\n`);
  chmodSync(join(tree, 'bin', name), 0o755);
}

/** The shared libraries that a program loads, and the loader itself. */
function librariesOf(program: string): { libraries: string[]; loader: string } {
  const files = [...ask('ldd', program).matchAll(/(?:=> |^\t)(\/\S+) \(0x/gm)].map(
    (match) => match[1] ?? '',
  );
  const loader = files.find((file) => basename(file).startsWith('ld-'));
  if (loader === undefined) throw new Error(`cannot tell which libraries "${program}" loads`);
  return { libraries: files.filter((file) => file !== loader), loader };
}

function makeClosure(): string {
  const { libraries, loader } = librariesOf(process.execPath);
  const inputs = join(place, 'inputs');
  const addLibrary = (file: string): string => {
    const tree = join(inputs, basename(file));
    mkdirSync(join(tree, 'lib'), { recursive: true });
    copyFileSync(file, join(tree, 'lib', basename(file)));
    return `${add(basename(file), tree.slice(place.length + 1))}/lib`;
  };
  const paths = libraries.map(addLibrary);
  const loaderPath = join(addLibrary(loader), basename(loader));

  const nodeBinary = join(inputs, 'node-binary');
  mkdirSync(join(nodeBinary, 'bin'), { recursive: true });
  copyFileSync(process.execPath, join(nodeBinary, 'bin/node'));
  const nodePath = add(`node-binary-${process.versions.node}`, 'inputs/node-binary');
  script(
    join(inputs, 'node'),
    'node',
    `exec ${loaderPath} --library-path ${paths.join(':')} ${nodePath}/bin/node "$@"`,
  );
  const node = add(`node-${process.versions.node}`, 'inputs/node');

  const ferryCode = join(inputs, 'ferry-code');
  cpSync(join(root, 'dist'), join(ferryCode, 'dist'), { recursive: true });
  cpSync(join(root, 'package.json'), join(ferryCode, 'package.json'));
  for (const module of ['koffi', '@koromix']) {
    if (!existsSync(join(root, 'node_modules', module))) continue;
    cpSync(join(root, 'node_modules', module), join(ferryCode, 'node_modules', module), {
      recursive: true,
      dereference: true,
    });
  }
  const code = add('ferry-code', 'inputs/ferry-code');
  script(join(inputs, 'ferry'), 'ferry', `exec ${node}/bin/node ${code}/dist/ferry.cjs "$@"`);
  return add('ferry', 'inputs/ferry');
}

try {
  mkdirSync(join(place, 'etc'));
  process.stdout.write(`Two machines, without Nix: the directories a and b of ${place}\n`);
  process.stdout.write(`(both with the store directory ${storeDir})\n`);
  say('1. A closure on machine a: Node, the libraries it loads, ferry');
  const ferry = makeClosure();
  const remote = 'ssh://localhost?remote-program=ferry%20nix-store&remote-store=./b';
  say('2. What would a copy to machine b do?');
  type('ferry', 'copy', '--dry-run', '--no-check-sigs', '--from', './a', '--to', remote, ferry);
  say('3. Copy it, over the protocol that nix-copy-closure speaks');
  type('ferry', 'copy', '--no-check-sigs', '--from', './a', '--to', remote, ferry);
  say('4. Copy it again: nothing is left to do');
  type('ferry', 'copy', '--no-check-sigs', '--from', './a', '--to', remote, ferry);
  say('5. Is every byte on machine b what it should be?');
  type('ferry', 'store', 'verify', '--store', './b', '--all');
  say('6. Run the program from the copy');
  type(`${ferry}/bin/ferry`, '--version');
  process.stdout.write(
    `\n${styleText('green', 'Done.')} Next: ferry copy --to ssh://HOST PATH, and ferry --help\n`,
  );
} catch (error) {
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  if (keep) process.stdout.write(`kept: ${place}\n`);
  else {
    spawnSync('chmod', ['-R', 'u+w', place]);
    rmSync(place, { recursive: true, force: true });
  }
}
