/**
 * Looks at a few places of a store path without reading all of it: which files are there, how they begin, where links
 * lead. Where the path lies on this machine its files are looked at, else the beginning of its NAR is read.
 */
import { constants } from 'node:fs';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { displayByteString, type ByteString } from '../bytes/byte-string.ts';
import { isFerryError } from '../error.ts';
import { NarDecoder } from '../format/nar/decoder.ts';
import type { NarFile, NarVisitor } from '../format/nar/visitor.ts';
import type { StorePath } from '../format/store-path.ts';
import type { CallOptions, Store } from '../store/store.ts';

export type Peeked =
  | { readonly kind: 'directory' }
  /** With its first bytes. */
  | { readonly kind: 'file'; readonly head: Uint8Array }
  | { readonly kind: 'link'; readonly target: string };

/** By path below the store path, `bin/hello`; '' is the store path itself. */
export type PeekedPath = ReadonlyMap<string, Peeked>;

/** Bytes of each file. */
const HEAD_BYTES = 256;
/** Of each directory that is asked for. */
const ENTRIES_MAX = 200;
/** Bytes of NAR after which it is enough. */
const NAR_BYTES_MAX = 16 << 20;

/**
 * @param places paths below it: of each what it is, what leads there, and, of a directory, what is in it.
 * @returns what is there of it; empty where the store path isn't valid, or isn't what it should be.
 * @throws whatever keeps the store from answering
 */
export async function peek(
  store: Store,
  path: StorePath,
  places: readonly string[],
  { signal }: CallOptions = {},
): Promise<PeekedPath> {
  const wanted = new Wanted(places);
  try {
    for await (const nar of store.readNars([path], { signal })) {
      if (nar.tree !== undefined) return await peekTree(nar.tree, wanted);
      const peeker = new NarPeeker(wanted);
      const decoder = new NarDecoder(peeker);
      for await (const chunk of nar) {
        decoder.push(chunk);
        if (decoder.done || peeker.isPast || decoder.offset > NAR_BYTES_MAX) break;
      }
      return peeker.found;
    }
  } catch (error) {
    const isAboutPath = isFerryError(error, 'not-found') || isFerryError(error, 'corrupt');
    if (!isAboutPath) throw error;
  }
  return new Map();
}

/** Which paths below a store path are looked at. */
class Wanted {
  readonly #exact = new Set<string>(['']);
  readonly #directories: ReadonlySet<string>;

  constructor(places: readonly string[]) {
    this.#directories = new Set(places);
    for (const place of places) {
      const names = place.split('/');
      for (const [index] of names.entries()) this.#exact.add(names.slice(0, index + 1).join('/'));
    }
  }

  /** What leads to places, shortest first. */
  get exact(): string[] {
    return [...this.#exact].sort((a, b) => a.length - b.length);
  }

  /** Whether nothing is wanted of an entry of the root, nor of any that come after it. */
  isPast(name: string): boolean {
    if (this.#directories.has('')) return false;
    const bytes = Buffer.from(name);
    return [...this.#exact].every((place) => {
      return Buffer.compare(Buffer.from(place.split('/', 1)[0] ?? ''), bytes) < 0;
    });
  }

  isDirectory(place: string): boolean {
    return this.#directories.has(place);
  }

  has(place: string): boolean {
    return this.#exact.has(place) || (place !== '' && this.#directories.has(parentOf(place)));
  }
}

function parentOf(place: string): string {
  return place.slice(0, Math.max(0, place.lastIndexOf('/')));
}

async function peekTree(tree: string, wanted: Wanted): Promise<PeekedPath> {
  const found = new Map<string, Peeked>();
  const look = async (place: string): Promise<void> => {
    // Nothing is looked for behind a link: where that leads is another question.
    const isReachable = place === '' || found.get(parentOf(place))?.kind === 'directory';
    if (found.has(place) || !isReachable) return;
    const peeked = await peekFile(place === '' ? tree : join(tree, place));
    if (peeked !== undefined) found.set(place, peeked);
  };
  for (const place of wanted.exact) {
    await look(place);
    if (!wanted.isDirectory(place) || found.get(place)?.kind !== 'directory') continue;
    const names = await readdir(join(tree, place)).catch(() => []);
    for (const name of names.toSorted(byName).slice(0, ENTRIES_MAX)) {
      await look(place === '' ? name : `${place}/${name}`);
    }
  }
  return found;
}

function byName(a: string, b: string): number {
  return a < b ? -1 : 1;
}

/** Undefined for what isn't there, may not be read, or is no file of a store. */
async function peekFile(path: string): Promise<Peeked | undefined> {
  try {
    const stat = await lstat(path);
    if (stat.isDirectory()) return { kind: 'directory' };
    if (stat.isSymbolicLink()) return { kind: 'link', target: await readlink(path) };
    if (!stat.isFile()) return undefined;
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    const { bytesRead, buffer } = await file.read(new Uint8Array(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return { kind: 'file', head: buffer.subarray(0, bytesRead) };
  } catch {
    return undefined;
  }
}

class NarPeeker implements NarVisitor {
  readonly found = new Map<string, Peeked>();
  /** All that is wanted went by. */
  isPast = false;
  readonly #wanted: Wanted;
  readonly #open: string[] = [];
  readonly #counts = new Map<string, number>();
  /** Of the file at hand, if it is looked at. */
  #head: { readonly place: string; readonly bytes: Uint8Array; length: number } | undefined;

  constructor(wanted: Wanted) {
    this.#wanted = wanted;
  }

  directory(name: ByteString): void {
    const place = this.#placeOf(name);
    this.#take(place, { kind: 'directory' });
    this.#open.push(place);
  }

  leave(): void {
    this.#open.pop();
  }

  file(name: ByteString, { size }: NarFile): void {
    const place = this.#placeOf(name);
    const bytes = new Uint8Array(Math.min(size, HEAD_BYTES));
    if (!this.#take(place, { kind: 'file', head: bytes })) return;
    this.#head = { place, bytes, length: 0 };
  }

  data(chunk: Uint8Array): void {
    const head = this.#head;
    if (head === undefined) return;
    const part = chunk.subarray(0, head.bytes.length - head.length);
    head.bytes.set(part, head.length);
    head.length += part.length;
  }

  endFile(): void {
    this.#head = undefined;
  }

  symlink(name: ByteString, target: ByteString): void {
    this.#take(this.#placeOf(name), { kind: 'link', target: displayByteString(target) });
  }

  #placeOf(name: ByteString): string {
    const parent = this.#open.at(-1);
    const shown = displayByteString(name);
    if (parent === '') this.isPast ||= this.#wanted.isPast(shown);
    return parent === undefined || parent === '' ? shown : `${parent}/${shown}`;
  }

  #take(place: string, peeked: Peeked): boolean {
    if (!this.#wanted.has(place)) return false;
    const parent = parentOf(place);
    const count = (this.#counts.get(parent) ?? 0) + 1;
    this.#counts.set(parent, count);
    if (count > ENTRIES_MAX && !this.#wanted.exact.includes(place)) return false;
    this.found.set(place, peeked);
    return true;
  }
}
