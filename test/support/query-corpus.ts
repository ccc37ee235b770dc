/**
 * What a store needs beside the small closure so that every query has something to tell: a chain, a diamond, outputs
 * that refer to each other and to themselves, one output of several derivations, derivations that nobody built, values
 * that a shell would trip over, logs, and roots of every kind. Real Nix evaluates and registers all of it.
 */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { NixHome } from './nix-home.ts';
import type { SmallClosure } from './small-closure.ts';
import { registerTrees } from './store-tree.ts';

export interface QueryCorpus {
  /** Each refers to the one before; the last has a derivation of its own. */
  readonly chain: readonly string[];
  readonly chainDrv: string;
  /** `diamond[3]` refers to 1 and 2, and those to 0. */
  readonly diamond: readonly string[];
  /** Built, with outputs `out`, `bin`, `dev` and `doc`; the last of them isn't valid. */
  readonly severalDrv: string;
  readonly out: string;
  readonly bin: string;
  readonly dev: string;
  readonly doc: string;
  /** Three derivations of one output, whose contents are fixed. */
  readonly fixedDrvs: readonly string[];
  readonly fixed: string;
  /** Valid, and its output isn't. */
  readonly unbuiltDrv: string;
  readonly unbuilt: string;
  /** Of floating content-addressed outputs. */
  readonly floatingDrv: string;
  /** With attributes as JSON. */
  readonly structuredDrv: string;
  /** Values with quotes, line ends, bytes that are no text; several arguments. */
  readonly oddDrv: string;
}

const EXPRESSION = `
let
  drv = args: derivation ({ system = "x86_64-linux"; builder = "/bin/sh"; } // args);
  link = n: if n == 0 then drv { name = "chain-0"; } else drv { name = "chain-\${toString n}"; previous = link (n - 1); };
  corner = name: args: drv ({ inherit name; } // args);
  base = corner "diamond-base" { };
  left = corner "diamond-a-left" { inherit base; };
  right = corner "diamond-z-right" { inherit base; };
  top = corner "diamond-top" { inherit left right; };
  several = drv { name = "several-1.0"; outputs = [ "out" "bin" "dev" "doc" ]; };
  fixed = n: drv {
    name = "fixed-source"; mirror = toString n;
    outputHash = "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="; outputHashAlgo = "sha256";
  };
  unbuilt = drv { name = "unbuilt"; needs = several.dev; };
  floating = drv { name = "floating"; __contentAddressed = true; outputHashMode = "recursive"; outputHashAlgo = "sha256"; };
  structured = drv { name = "structured"; __structuredAttrs = true; list = [ 1 2 ]; nested.key = "value"; };
  odd = drv {
    name = "odd"; args = [ "-c" "echo 'it''s' \\"quoted\\"" "" "last one" ];
    quotes = "it's 'quoted' \\"twice\\" and \\\\ back"; lines = "one\\ntwo\\n\\n"; tabs = "\\ta\\r"; empty = "";
    unicode = "grüße 世界"; dollar = "$HOME \`id\` \\\${x}"; A_UPPER = "first"; _under = "score";
  };
in {
  chain = map (n: (link n).outPath) [ 0 1 2 3 4 5 ];
  chainDrv = (link 5).drvPath;
  diamond = map (p: p.outPath) [ base left right top ];
  diamondDrv = top.drvPath;
  severalDrv = several.drvPath;
  out = several.outPath; bin = several.bin.outPath; dev = several.dev.outPath; doc = several.doc.outPath;
  fixedDrvs = map (n: (fixed n).drvPath) [ 1 2 3 ];
  fixed = (fixed 1).outPath;
  unbuiltDrv = unbuilt.drvPath;
  unbuilt = unbuilt.outPath;
  floatingDrv = floating.drvPath;
  structuredDrv = structured.drvPath;
  oddDrv = odd.drvPath;
}
`;

export async function makeQueryCorpus(home: NixHome): Promise<QueryCorpus> {
  const evaluate = ['--eval', '--strict', '--json', '--read-write-mode'];
  const features = ['--extra-experimental-features', 'ca-derivations'];
  const corpus: QueryCorpus = JSON.parse(
    await home.runOk('nix-instantiate', [...evaluate, ...features, '-E', EXPRESSION]),
  );
  const { chain, chainDrv, diamond, severalDrv, out, bin, dev, fixed, fixedDrvs } = corpus;
  const [base = '', left = '', right = '', top = ''] = diamond;
  const trees = [
    ...chain.map((path, i) => ({
      path,
      references: i === 0 ? [] : [chain[i - 1] ?? ''],
      ...(i === chain.length - 1 ? { deriver: chainDrv } : {}),
    })),
    { path: base, references: [base] },
    { path: left, references: [base] },
    { path: right, references: [base, right] },
    { path: top, references: [left, right] },
    { path: out, references: [bin, out], deriver: severalDrv },
    { path: bin, references: [bin, top], deriver: severalDrv },
    { path: dev, references: [out, bin, dev], deriver: severalDrv },
    { path: fixed, references: [], deriver: fixedDrvs[1] ?? '' },
  ];
  for (const { path } of trees) {
    const real = home.realPath(path);
    if (path === fixed) {
      writeFileSync(real, 'hello world\n');
    } else {
      mkdirSync(join(real, 'bin'), { recursive: true });
      writeFileSync(join(real, 'bin/program'), `#!/bin/sh\n# of ${path}\n`, { mode: 0o755 });
    }
  }
  await registerTrees(home, trees);
  return corpus;
}

/** Below the home's directory: links as people have them, and roots of each kind. */
export async function makeQueryRoots(
  home: NixHome,
  { application, library }: SmallClosure,
  { chain, diamond, out, severalDrv, fixed }: QueryCorpus,
): Promise<void> {
  const link = (target: string, ...names: readonly string[]): void => {
    const file = join(home.path, ...names);
    mkdirSync(dirname(file), { recursive: true });
    symlinkSync(target, file);
  };
  link(out, 'result');
  link('result', 'to-result');
  link(`${out}/bin/program`, 'program');
  link('to-result', 'links/../to-to-result');
  link('loop', 'loop');
  link('nowhere', 'dangling');
  writeFileSync(join(home.path, 'file'), 'no link');
  const state = 'root/nix/var/nix';
  // Direct roots, below directories too; a profile; a file named like a path.
  link(application, state, 'gcroots/direct');
  link(`${library}/lib/small.txt`, state, 'gcroots/deep/down/inside');
  link(diamond[3] ?? '', state, 'profiles/per-user/someone/profile-7-link');
  link('profile-7-link', state, 'profiles/per-user/someone/profile');
  writeFileSync(join(home.path, state, 'gcroots', fixed.slice('/nix/store/'.length)), '');
  link('/nix/store/00000000000000000000000000000000-gone', state, 'gcroots/invalid');
  link(severalDrv, state, 'gcroots/derivation');
  // Indirect ones, as programs make them.
  const rooted = ['--realise', chain[4] ?? '', '--add-root', join(home.path, 'indirect')];
  await home.runOk('nix-store', rooted);
}
