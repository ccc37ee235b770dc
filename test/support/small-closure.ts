/**
 * A small closure that has one of everything: content-addressed and input-addressed paths, a derivation with two
 * outputs, references to oneself, signatures, and files of every kind. Real Nix evaluates, registers and signs it;
 * its outputs are laid out rather than built, since a build in a store with a root needs namespaces.
 */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { NixHome } from './nix-home.ts';
import { registerTrees } from './store-tree.ts';

export interface SmallClosure {
  /** Every path below, what is referred to before what refers to it. */
  readonly paths: readonly string[];
  /** A directory added by content: an executable, a symlink, an empty directory, a name beyond ASCII. */
  readonly source: string;
  /** A text file added by content; a single regular file. */
  readonly text: string;
  readonly libraryDrv: string;
  /** Refers to `source`, `text` and itself; unsigned. */
  readonly library: string;
  readonly applicationDrv: string;
  /** Refers to `library` and itself; signed. */
  readonly application: string;
  /** The second output of `applicationDrv`: refers to `application`, which doesn't refer to it; signed. */
  readonly development: string;
  /** What a derivation makes and nothing refers to: a symlink instead of a directory. */
  readonly link: string;
  readonly linkDrv: string;
  /** Verifies the signatures, as for `trusted-public-keys`. */
  readonly publicKey: string;
}

type Evaluated = Omit<SmallClosure, 'paths' | 'publicKey'>;

const EXPRESSION = `
{ files }:
let
  drv = args: derivation ({ system = "x86_64-linux"; builder = "/bin/sh"; } // args);
  source = builtins.path { path = /. + files; name = "small-source"; };
  text = builtins.toFile "small-text" "a text that stands alone\\n";
  library = drv { name = "small-library"; inherit source text; };
  application = drv { name = "small-application"; outputs = [ "out" "dev" ]; inherit library; };
  link = drv { name = "small-link"; inherit application; };
in {
  source = "\${source}";
  text = "\${text}";
  library = library.outPath;
  libraryDrv = library.drvPath;
  application = application.outPath;
  applicationDrv = application.drvPath;
  development = application.dev.outPath;
  link = link.outPath;
  linkDrv = link.drvPath;
}
`;

/** Makes it in the home's store. The store paths are the same wherever and by whichever release it is made. */
export async function makeSmallClosure(home: NixHome): Promise<SmallClosure> {
  const files = join(home.path, 'small-source');
  writeSource(files);
  const evaluate = ['--eval', '--strict', '--json', '--read-write-mode', '-E', EXPRESSION];
  const evaluated: Evaluated = JSON.parse(
    await home.runOk('nix-instantiate', [...evaluate, '--argstr', 'files', files]),
  );
  const { source, text, libraryDrv, library, applicationDrv, application } = evaluated;
  const { development, linkDrv, link } = evaluated;
  writeOutputs(home, evaluated);
  await registerTrees(home, [
    { path: library, deriver: libraryDrv, references: [source, text, library] },
    { path: application, deriver: applicationDrv, references: [library, application] },
    { path: development, deriver: applicationDrv, references: [application] },
    { path: link, deriver: linkDrv, references: [application] },
  ]);
  const publicKey = await sign(home, [source, application, development]);
  const outputs = [library, application, development, link];
  const paths = [source, text, libraryDrv, applicationDrv, linkDrv, ...outputs];
  return { ...evaluated, paths, publicKey };
}

function writeSource(directory: string): void {
  mkdirSync(join(directory, 'empty'), { recursive: true });
  writeFileSync(join(directory, 'run'), '#!/bin/sh\necho small\n', { mode: 0o755 });
  writeFileSync(join(directory, 'plain.txt'), 'plain\n');
  writeFileSync(join(directory, 'empty.txt'), '');
  writeFileSync(join(directory, 'grüße-世界'), 'a name beyond ASCII\n');
  symlinkSync('plain.txt', join(directory, 'to-plain'));
  symlinkSync('nowhere/at-all', join(directory, 'dangling'));
}

function writeOutputs(home: NixHome, made: Evaluated): void {
  const write = (path: string, content: string, mode: number): void => {
    const real = home.realPath(path);
    mkdirSync(dirname(real), { recursive: true });
    writeFileSync(real, content, { mode });
  };
  const { library, application } = made;
  write(`${library}/lib/small.txt`, `${library} uses ${made.source} and ${made.text}\n`, 0o644);
  write(`${library}/lib/zeros`, '\0'.repeat(70_000), 0o644);
  write(`${application}/bin/small`, `#!/bin/sh\ncat ${library}/lib/small.txt\n`, 0o755);
  write(`${application}/share/self`, `${application}\n`, 0o644);
  write(`${made.development}/include/small.h`, `// of ${application}\n`, 0o644);
  symlinkSync(`${application}/bin/small`, home.realPath(made.link));
}

async function sign(home: NixHome, paths: readonly string[]): Promise<string> {
  const secret = join(home.path, 'small-closure.secret');
  const open = join(home.path, 'small-closure.public');
  const generate = ['--generate-binary-cache-key', 'small-closure-1', secret, open];
  await home.runOk('nix-store', generate);
  await home.runOk('nix', ['store', 'sign', '--key-file', secret, ...paths]);
  return readFileSync(open, 'utf8').trim();
}
