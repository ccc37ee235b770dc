/** A store with many kinds of development shells in it, to be entered by real nix-shell and by ferry. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ferryBin } from './ferry-program.ts';
import { insideEnv, runInside, runInsideOk } from './inside-store.ts';
import { makeNixHome, type NixHome } from './nix-home.ts';
import { findNix, type NixVersion } from './peers.ts';
import type { Finished } from './run.ts';
import { makeShellFixture, type ShellFixture } from './shell-fixture.ts';

export interface ShellsInside extends AsyncDisposable {
  readonly home: NixHome;
  readonly fixture: ShellFixture;
  /** By name: derivations whose inputs are all valid. */
  readonly drvs: ReadonlyMap<string, string>;
  /** A link to ferry that is called nix-shell. */
  readonly dropIn: string;
  drv(name: string): string;
  /** Words of a release of Nix, of the drop-in, or of `ferry shell`. */
  enter(
    who: NixVersion | 'drop-in' | 'ferry',
    words: readonly string[],
    options?: EnterOptions,
  ): Promise<Finished>;
  inside(words: readonly string[], options?: EnterOptions): Promise<Finished>;
}

export interface EnterOptions {
  /** Beside the usual ones; an empty one is not set. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
}

/** What nobody writes, and everybody may. The bytes that are no UTF-8 come from latin1. */
const EXPRESSION = `
{ pkgs ? import ./pkgs.nix { } }:
let
  shell = attributes: pkgs.mkShell ({ buildInputs = [ pkgs.hello ]; } // attributes);
in {
  odd = shell {
    name = "odd";
    bytes = "a\u00ff\u00fe'b\\"c";
    dollar = "\\$HOME \\\${x} \`y\` \\\\ \\\\n !x";
    lines = "\\none\\n\\ttwo\\r\\n";
    spaces = "  a  b  ";
    unicode = "\u00c3\u00bc\u00e2\u0082\u00ac";
    TZ = "America/New_York";
    PS4 = "+ ";
    "with-dash" = "not a name of bash";
    "with.dot" = "x";
    passAsFile = [ "second" "first" "with-dash" ];
    first = "1";
    second = "2\\n'\u00ff";
    shellHook = ''
      echo "hook: $name" >&2
      export hooked="$(type -t addToPath)"
      shopt -s nullglob
      hookFunction() { echo "from the hook: $1"; }
    '';
  };
  numbers = shell {
    name = "numbers";
    __structuredAttrs = true;
    outputs = [ "out" "lib" ];
    floats = [ 0.1 1.5 2.0 100.0 0.001 0.00012 0.000012 1.0e15 1.0e16 123456789.125 1.0e30 1.0e-7 (-0.5) 3.14159265358979 ];
    whole = [ 0 (-1) 2147483647 2147483648 3000000000 9007199254740993 123456789012345678 ];
    inherit (pkgs) hello;
    large = 3000000000;
    whole_float = 2.0;
    nearly = 1.00000001;
    fraction = 0.5;
    "not-a-name" = 1;
    quoted = "it's \\"q\\" \\$x \\\\ \u00c3\u00bc\\n";
    controls = "\\t\\r\\n";
    emptyList = [ ];
    emptySet = { };
    mixed = [ "a" 1 true false null 2.0 ];
    deep = [ [ 1 ] ];
    set = { "key with space" = "v"; "k']" = "w"; n = null; t = true; f = false; };
    deepSet = { a.b.c = 1; };
    exportReferencesGraph = { one = [ pkgs.hello ]; two = [ pkgs.jq pkgs.stdenv ]; };
    passAsFile = [ "quoted" ];
    shellHook = "echo structured hook";
  };
  bare = derivation {
    name = "bare";
    system = "x86_64-linux";
    builder = "/bin/sh";
    shellHook = "echo never";
    greeting = "no stdenv here";
  };
  angry = shell { name = "angry"; shellHook = "echo before; false; exit 5"; };
  many = shell { name = "many"; outputs = [ "dev" "out" "man" ]; nativeBuildInputs = [ pkgs.jq pkgs.jq.man ]; };
}
`;

export async function openShellsInside(): Promise<ShellsInside> {
  const peer = findNix('2.34');
  if (peer === undefined) throw new Error('Nix 2.34 is missing');
  const resources = new AsyncDisposableStack();
  const home = resources.use(makeNixHome(peer, { prefix: 'ferry-shells-' }));
  const fixture = await makeShellFixture(home);
  const { directory } = fixture;
  writeFileSync(join(directory, 'kinds.nix'), Buffer.from(EXPRESSION, 'latin1'));
  const drvs = new Map([
    ['plain', fixture.plainDrv],
    ['structured', fixture.structuredDrv],
  ]);
  for (const name of ['odd', 'numbers', 'bare', 'angry', 'many']) {
    const words = [peer.program('nix-instantiate'), 'kinds.nix', '-A', name];
    drvs.set(name, (await runInsideOk(home, words, { cwd: directory })).replace(/!.*$/, ''));
  }
  const bin = join(home.path, 'bin');
  mkdirSync(bin);
  const dropIn = join(bin, 'nix-shell');
  symlinkSync(ferryBin, dropIn);
  symlinkSync(ferryBin, join(bin, 'ferry'));

  const environmentOf = (env: EnterOptions['env'] = {}): Record<string, string> => {
    const all = {
      ...insideEnv(home),
      PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
      NIX_BUILD_SHELL: fixture.bash,
      ...env,
    };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
  };
  const inside = (
    words: readonly string[],
    { env, ...rest }: EnterOptions = {},
  ): Promise<Finished> => runInside(home, words, { ...rest, env: environmentOf(env) });
  const programOf = (who: NixVersion | 'drop-in' | 'ferry'): string[] => {
    if (who === 'ferry') return [ferryBin, 'shell'];
    return [who === 'drop-in' ? dropIn : (findNix(who)?.program('nix-shell') ?? 'nix-shell')];
  };
  return {
    home,
    fixture,
    drvs,
    dropIn,
    drv(name) {
      const drv = drvs.get(name);
      if (drv === undefined) throw new Error(`there is no shell "${name}"`);
      return drv;
    },
    enter: (who, words, options) => inside([...programOf(who), ...words], options),
    inside,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
