/**
 * For which system a closure is, found out before it is sent: by what a NixOS system says of itself, by its programs, or
 * by the derivation that built it. Programs come before the derivation, which only says where they were built: what was
 * built for another system than that of its builder looks native there.
 */
import { dirname, join } from 'node:path/posix';
import { FerryError, isFerryError } from '../error.ts';
import { describeProgram } from '../format/executable.ts';
import { parseStorePath, printStorePath, type StorePath } from '../format/store-path.ts';
import { readDerivation } from '../store/read-derivations.ts';
import type { CallOptions, Store } from '../store/store.ts';
import { peek, type Peeked, type PeekedPath } from './peek.ts';

export interface ClosureSystem {
  /** As Nix names it: `aarch64-linux`. */
  readonly system: string;
  readonly how: 'derivation' | 'nixos' | 'elf';
}

/** Where programs are that people start. */
const PROGRAM_DIRECTORIES = ['bin', 'sbin'];
/** Links and interpreters that are followed, one after the other. */
const HOPS_MAX = 5;
/** Store paths that are looked into. */
const PATHS_MAX = 12;
/** Programs of a directory. */
const PROGRAMS_MAX = 16;

/**
 * @returns undefined where it runs anywhere, or nobody can tell, or its programs are for several.
 * @throws whatever keeps the store from answering; what is wrong with the path itself says nothing.
 */
export async function systemOf(
  store: Store,
  path: StorePath,
  options: CallOptions = {},
): Promise<ClosureSystem | undefined> {
  const search = new Search(store, options);
  const nixos = await search.ofNixos(path);
  if (nixos !== undefined) return { system: nixos, how: 'nixos' };
  const ofPrograms = await search.ofPrograms(path);
  const isOpen = ofPrograms === undefined || isArm(ofPrograms);
  const platform = isOpen ? await platformOf(store, path, options) : undefined;
  if (ofPrograms === undefined) {
    return platform === undefined ? undefined : { system: platform, how: 'derivation' };
  }
  // Which ARM it is, the programs don't say.
  const isExact = platform !== undefined && fitsSystem(ofPrograms, platform, []);
  return isExact ? { system: platform, how: 'derivation' } : { system: ofPrograms, how: 'elf' };
}

/**
 * Whether what is for one system runs on a host.
 * @param extraSystems what the host runs besides its own, by its `extra-platforms`
 */
export function fitsSystem(
  closureSystem: string,
  hostSystem: string,
  extraSystems: readonly string[],
): boolean {
  if (closureSystem === 'builtin') return true;
  return [hostSystem, ...extraSystems].some(
    (system) => system === closureSystem || runsToo(system, closureSystem),
  );
}

/** From the oldest to the newest, which runs all of them. */
const FAMILIES: readonly (readonly string[])[] = [
  ['i386-linux', 'i486-linux', 'i586-linux', 'i686-linux', 'x86_64-linux'],
  ['armv5tel-linux', 'armv6l-linux', 'armv7l-linux'],
];

function runsToo(system: string, other: string): boolean {
  return FAMILIES.some((family) => {
    const place = family.indexOf(other);
    return place >= 0 && family.indexOf(system) >= place;
  });
}

function isArm(system: string): boolean {
  return /^armv[5-7]/.test(system);
}

const SYSTEM = /^[a-z0-9_]{1,30}-[a-z0-9_]{1,30}$/;
/** Files that a system of NixOS, or of nix-darwin, has beside `system`. */
const SYSTEM_MARKS = ['nixos-version', 'darwin-version', 'activate'];

class Search {
  readonly #store: Store;
  readonly #options: CallOptions;
  readonly #peeked = new Map<string, PeekedPath>();

  constructor(store: Store, options: CallOptions) {
    this.#store = store;
    this.#options = options;
  }

  async ofNixos(path: StorePath): Promise<string | undefined> {
    const top = await this.#peek(path, ['', ...PROGRAM_DIRECTORIES]);
    const file = top.get('system');
    if (file?.kind !== 'file' || !SYSTEM_MARKS.some((name) => top.has(name))) return undefined;
    const text = Buffer.from(file.head).toString('latin1').trim();
    return SYSTEM.test(text) ? text : undefined;
  }

  async ofPrograms(path: StorePath): Promise<string | undefined> {
    const places = ['', ...PROGRAM_DIRECTORIES];
    const top = await this.#peek(path, places);
    const systems = new Set<string>();
    const isDirectory = top.get('')?.kind === 'directory';
    for (const place of isDirectory ? PROGRAM_DIRECTORIES : ['']) {
      await this.#follow(top, path, place, HOPS_MAX, systems);
    }
    return theOne(systems);
  }

  /** Adds the systems of the program, or the programs of the directory, that is found there. */
  async #follow(
    peeked: PeekedPath,
    path: StorePath,
    place: string,
    hops: number,
    systems: Set<string>,
  ): Promise<void> {
    const names = place === '' ? [] : place.split('/');
    for (let count = 0; count <= names.length; count++) {
      const here = names.slice(0, count).join('/');
      const entry = peeked.get(here);
      if (entry === undefined) return;
      if (entry.kind === 'link') {
        const rest = names.slice(count).join('/');
        await this.#followLink(path, here, join(entry.target, rest), hops, systems);
        return;
      }
      if (count === names.length) await this.#look(peeked, path, here, entry, hops, systems);
    }
  }

  async #look(
    peeked: PeekedPath,
    path: StorePath,
    place: string,
    entry: Peeked,
    hops: number,
    systems: Set<string>,
  ): Promise<void> {
    if (entry.kind === 'directory') {
      const programs = [...peeked.keys()].filter((name) => name !== '' && dirname(name) === place);
      for (const program of programs.slice(0, PROGRAMS_MAX)) {
        if (peeked.get(program)?.kind === 'directory') continue;
        await this.#follow(peeked, path, program, hops, systems);
      }
    } else if (entry.kind === 'file') {
      const program = describeProgram(entry.head);
      if (program?.kind === 'binary') systems.add(program.system);
      if (program?.kind === 'script') {
        await this.#followLink(path, place, program.interpreter, hops, systems);
      }
    }
  }

  /** @param target absolute, or from the directory that `place` is in */
  async #followLink(
    path: StorePath,
    place: string,
    target: string,
    hops: number,
    systems: Set<string>,
  ): Promise<void> {
    if (hops === 0) return;
    const { storeDir } = this.#store;
    const from = dirname(join(printStorePath(storeDir, path), place));
    const absolute = target.startsWith('/') ? join(target) : join(from, target);
    if (!absolute.startsWith(`${storeDir}/`)) return;
    const [name = '', ...rest] = absolute.slice(storeDir.length + 1).split('/');
    const other = storePathOf(this.#store, name);
    if (other === undefined) return;
    const inside = rest.join('/').replace(/\/$/, '');
    const peeked = await this.#peek(other, [inside]);
    await this.#follow(peeked, other, inside, hops - 1, systems);
  }

  async #peek(path: StorePath, places: readonly string[]): Promise<PeekedPath> {
    const key = [path, ...places].join('\0');
    const known = this.#peeked.get(key);
    if (known !== undefined) return known;
    if (this.#peeked.size >= PATHS_MAX) return new Map();
    const peeked = await peek(this.#store, path, places, this.#options);
    this.#peeked.set(key, peeked);
    return peeked;
  }
}

/** Of several that run one another the one that runs them all; undefined where they have nothing in common. */
function theOne(systems: ReadonlySet<string>): string | undefined {
  return [...systems].find((system) =>
    [...systems].every((other) => fitsSystem(other, system, [])),
  );
}

function storePathOf({ storeDir }: Store, name: string): StorePath | undefined {
  try {
    return parseStorePath(storeDir, `${storeDir}/${name}`);
  } catch (error) {
    if (error instanceof FerryError) return undefined;
    throw error;
  }
}

/** On what it was built, where that says something. */
async function platformOf(
  store: Store,
  path: StorePath,
  options: CallOptions,
): Promise<string | undefined> {
  const info = (await store.queryPathInfos([path], options)).get(path);
  const drv = info?.deriver;
  if (drv === undefined) return undefined;
  if ((await store.queryValidPaths([drv], options)).size === 0) return undefined;
  try {
    const { platform, outputs } = await readDerivation(store, drv, options);
    // Whoever fetches something known beforehand may do so anywhere.
    const isFetched = [...outputs.values()].some(({ kind }) => kind === 'fixed');
    return isFetched || !SYSTEM.test(platform) ? undefined : platform;
  } catch (error) {
    const saysNothing = ['corrupt', 'unsupported', 'not-found'] as const;
    if (saysNothing.some((code) => isFerryError(error, code))) return undefined;
    throw error;
  }
}
