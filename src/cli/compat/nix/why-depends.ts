/** `nix why-depends` */
import { displayByteString, type ByteString } from '../../../bytes/byte-string.ts';
import { computeClosure } from '../../../copy/closure.ts';
import { whyDepends as stepsTo } from '../../../copy/why-depends.ts';
import { MentionFinder, type Mention } from '../../../format/nar/mentions.ts';
import { hashPartOf, printStorePath, type StorePath } from '../../../format/store-path.ts';
import type { Store } from '../../../store/store.ts';
import type { NixCall, NixVerb } from './verb.ts';
import { decodeNar } from '../../decode-nar.ts';
import { readOneNar } from '../../read-one-nar.ts';
import { printable } from '../../errors.ts';
import { theOnlyPathOf } from './the-only-path.ts';
import { defineVerb } from './verb.ts';
import { withStore } from './with-store.ts';

const LAST = '└───';
const MIDDLE = '├───';
const BLANK = '    ';
const LINE = '│   ';

export const whyDepends: NixVerb = defineVerb({
  description: [
    'Prints the references that lead from the one to the other: the shortest way, or with --all every reference that is on one.',
  ],
  arguments: [
    { name: 'PACKAGE', help: 'what depends', completes: 'file' },
    { name: 'DEPENDENCY', help: 'on what', completes: 'file' },
  ],
  options: {
    all: { help: 'all ways', short: 'a' },
    precise: { help: 'in which files the references are' },
    derivation: { help: 'the derivations instead of what they build' },
  },
  evaluates: true,
  examples: [
    {
      meaning: 'why a compiler is part of a system',
      command:
        'nix why-depends --precise /run/current-system /nix/store/xfp2hphvk98rkk9ywlqpp587rjdcgnc2-gcc',
    },
  ],
  run: async (call, [packageWord = '', dependencyWord = ''], options) =>
    await withStore(call, async (store) => {
      const { derivation } = options;
      const { signal } = call.context;
      const from = await theOnlyPathOf(call, store, packageWord, { derivation, build: true });
      const to = await theOnlyPathOf(call, store, dependencyWord, { derivation });
      const closure = await computeClosure(store, [from], { signal });
      const step = stepsTo(closure, from, to, options);
      if (step === undefined) {
        const [one, other] = [from, to].map((path) => printStorePath(store.storeDir, path));
        await call.context.stderr.write(`'${one}' does not depend on '${other}'\n`);
        return 0;
      }
      await new Telling(call, store, step, options).tell(from);
      return 0;
    }),
});

interface TellingFlags {
  readonly all: boolean;
  readonly precise: boolean;
}

class Telling {
  readonly #call: NixCall;
  readonly #store: Store;
  readonly #step: (path: StorePath) => readonly StorePath[];
  readonly #flags: TellingFlags;

  constructor(
    call: NixCall,
    store: Store,
    step: (path: StorePath) => readonly StorePath[],
    flags: TellingFlags,
  ) {
    this.#call = call;
    this.#store = store;
    this.#step = step;
    this.#flags = flags;
  }

  /** A stack of our own: chains may be longer than that of the machine. */
  async tell(from: StorePath): Promise<void> {
    interface Open {
      readonly path: StorePath;
      readonly pad: string;
      readonly isLast: boolean;
      readonly mentions: readonly Mention[];
    }
    await this.#line(this.#print(from));
    const stack: Open[] = [];
    const open = async (path: StorePath, pad: string): Promise<void> => {
      const references = this.#step(path);
      const mentions = await this.#mentionsIn(path, references);
      const opened = references.map((reference, i) => ({
        path: reference,
        pad,
        isLast: i === references.length - 1,
        mentions: mentions.filter(({ hashPart }) => hashPart === hashPartOf(reference)),
      }));
      stack.push(...opened.reverse());
    };
    await open(from, '');
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const { path, pad, isLast, mentions } = next;
      const below = pad + (isLast ? BLANK : LINE);
      const branch = pad + (isLast ? LAST : MIDDLE);
      if (this.#flags.precise) {
        for (const [i, mention] of mentions.entries()) {
          await this.#line(`${i === 0 ? branch : below}${textOf(mention)}`);
        }
        await this.#line(`${below}→ ${this.#print(path)}`);
      } else {
        await this.#line(`${branch}${this.#print(path)}`);
      }
      await open(path, below);
    }
  }

  async #mentionsIn(path: StorePath, references: readonly StorePath[]): Promise<Mention[]> {
    if (!this.#flags.precise || references.length === 0) return [];
    const finder = new MentionFinder(references.map(hashPartOf));
    const { signal } = this.#call.context;
    await readOneNar(this.#store, path, signal, (nar) => decodeNar(nar, finder));
    if (this.#flags.all) return finder.found;
    return finder.found.slice(0, 1);
  }

  #print(path: StorePath): string {
    return printStorePath(this.#store.storeDir, path);
  }

  async #line(text: string): Promise<void> {
    await this.#call.context.stdout.write(`${text}\n`);
  }
}

function textOf({ file, before, hashPart, after, isLink }: Mention): string {
  const text = isLink
    ? ` -> ${displayByteString(`${before}${hashPart}${after}` as ByteString)}`
    : `: …${legible(before)}${hashPart}${legible(after)}…`;
  return printable(file + text);
}

/** Bytes that are no printable ASCII come as dots. */
function legible(bytes: string): string {
  return bytes.replace(/[^ -~]/g, '.');
}
