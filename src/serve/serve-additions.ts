/**
 * AddToStoreNar. Clients of Nix wait for each acknowledgement before they send the next path; ferry sends ahead. So
 * requests that come without a pause are one call of the store, which can then work on several; when there is a pause
 * the call is brought to its end, so that nobody waits for a batch to fill.
 */
import { FerryError } from '../error.ts';
import type { PathInfo } from '../format/path-info.ts';
import { printStorePath, type StorePath } from '../format/store-path.ts';
import type { NarStream, PathToAdd } from '../store/store.ts';
import { addToStoreNar } from '../wire/serve/protocol.ts';
import { readRequest, sendAnswer, type ServeSession } from './serve-session.ts';

/** Gives the number of the next command, or undefined at the end; asked again, the same until it was used. */
export interface Commands {
  next(): Promise<number | undefined>;
  used(): void;
}

export async function answerAdditions(session: ServeSession, commands: Commands): Promise<void> {
  const { store, signal } = session;
  if (store.addPaths === undefined)
    throw new FerryError('denied', 'importing paths is not allowed');
  const acknowledgements = new Acknowledgements(session);
  const paths = incomingPaths(session, commands, acknowledgements);
  // Not the generator itself: while it waits for the client, a store that fails could not close it.
  const detached: AsyncIterable<PathToAdd> = {
    [Symbol.asyncIterator]: () => ({
      next: () => paths.next(),
      return: async () => ({ done: true, value: undefined }),
    }),
  };
  await store.addPaths(detached, {
    checkSigs: false,
    signal,
    onAdded: (path) => acknowledgements.added(path),
  });
  await acknowledgements.sent();
}

async function* incomingPaths(
  session: ServeSession,
  commands: Commands,
  acknowledgements: Acknowledgements,
): AsyncGenerator<PathToAdd, undefined, undefined> {
  do {
    commands.used();
    const info = await readRequest(session, addToStoreNar);
    if (info.narSize === 0) {
      throw new FerryError('corrupt', 'narInfo is too old and missing the narSize field');
    }
    acknowledgements.expect(info.path);
    const nar = new IncomingNar(session, info);
    yield { info, nar };
    await nar.skipRest();
  } while ((await nextIfThere(commands)) === addToStoreNar.number);
}

/** Undefined also when nothing has come yet: what a client sent ahead is there after the next look at the input. */
async function nextIfThere(commands: Commands): Promise<number | undefined> {
  return await Promise.race([commands.next(), afterLookingTwice()]);
}

async function afterLookingTwice(): Promise<undefined> {
  for (let i = 0; i < 2; i++) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

/** The NAR that follows a request: exactly as long as that says, whoever reads it. */
class IncomingNar implements NarStream {
  readonly path: StorePath;
  readonly #session: ServeSession;
  #left: number;

  constructor(session: ServeSession, info: PathInfo) {
    this.path = info.path;
    this.#session = session;
    this.#left = info.narSize;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return {
      next: async () => {
        const value = await this.#read();
        return value === undefined ? { done: true, value } : { done: false, value };
      },
      return: async () => ({ done: true, value: undefined }),
    };
  }

  /** What a store leaves of a path that it has already. */
  async skipRest(): Promise<void> {
    while ((await this.#read()) !== undefined);
  }

  async #read(): Promise<Uint8Array | undefined> {
    if (this.#left === 0) return undefined;
    const { reader, context } = this.#session;
    const bytes = await reader.some(this.#left);
    if (bytes.length === 0) {
      const printed = printStorePath(context.storeDir, this.path);
      const message = `the NAR of "${printed}" ends ${this.#left} bytes too early`;
      throw reader.fail(new FerryError('corrupt', message, { path: printed }));
    }
    this.#left -= bytes.length;
    return bytes;
  }
}

/** One for each path, in the order of the requests, as soon as it and all before it are valid. */
class Acknowledgements {
  readonly #session: ServeSession;
  readonly #expected: StorePath[] = [];
  readonly #valid = new Set<StorePath>();
  #sending: Promise<void> = Promise.resolve();

  constructor(session: ServeSession) {
    this.#session = session;
  }

  expect(path: StorePath): void {
    this.#expected.push(path);
  }

  added(path: StorePath): void {
    this.#valid.add(path);
    while (this.#valid.has(this.#expected[0] as StorePath)) {
      this.#expected.shift();
      this.#sending = this.#sending.then(() => sendAnswer(this.#session, addToStoreNar, undefined));
    }
    // Errors are met at the end: a client that listens no more has also stopped sending.
    this.#sending.catch(() => {});
  }

  /** All of them are out. */
  async sent(): Promise<void> {
    if (this.#expected.length > 0) throw new FerryError('internal', 'a path was not added');
    await this.#sending;
  }
}
