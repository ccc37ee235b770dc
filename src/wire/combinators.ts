/**
 * The parts that codecs are made of. Every length has a maximum that the declaration names, lists grow as they are read,
 * padding must be zero. Primitives as in all of Nix's formats: numbers are unsigned 64-bit little-endian, strings have
 * their length in front and are padded with zeros to a multiple of eight.
 */
import type { ByteReader } from '../bytes/byte-reader.ts';
import { toByteString, fromByteString, type ByteString } from '../bytes/byte-string.ts';
import { paddingOf } from '../bytes/byte-writer.ts';
import { andThen, type MaybePromise } from '../bytes/maybe-promise.ts';
import { FerryError } from '../error.ts';
import { inField, type Codec, type WireContext } from './codec.ts';

/** No field at all. */
export const nothing: Codec<undefined> = {
  read: () => undefined,
  write: () => {},
};

/** A number up to 2^53 - 1. */
export const u64: Codec<number> = {
  read: (reader) => reader.u64(),
  write: (writer, value) => writer.u64(value),
};

/**
 * 0 or 1. Nix reads any other number as true but never writes one: meeting it means that both ends lost step, so it is
 * refused here.
 */
export const bool: Codec<boolean> = {
  read: (reader) =>
    andThen(reader.u64(), (value) => {
      if (value > 1) throw new FerryError('corrupt', `${value} is neither 0 nor 1`);
      return value === 1;
    }),
  write: (writer, value) => writer.u64(value ? 1 : 0),
};

/** A number that can only be this one: magic numbers, fields that are no more. */
export function constant(value: number): Codec<undefined> {
  return {
    read: (reader) =>
      andThen(reader.u64(), (found) => {
        if (found !== value) throw new FerryError('corrupt', `found ${found}, wanted ${value}`);
        return undefined;
      }),
    write: (writer) => writer.u64(value),
  };
}

/** A number that is read and ignored, and written as `value`. */
export function ignored(value: number): Codec<undefined> {
  return {
    read: (reader) => andThen(reader.u64(), () => undefined),
    write: (writer) => writer.u64(value),
  };
}

/** A number of 64 bits, all of them used: identifiers, and what peers calculate from them. */
export const wideU64: Codec<bigint> = {
  read: (reader) =>
    andThen(reader.read(8), (view) =>
      new DataView(view.buffer, view.byteOffset, 8).getBigUint64(0, true),
    ),
  write: (writer, value) => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    writer.raw(bytes);
  },
};

/** One of a few values, told by its number. @param what they are, for messages: `a build mode`. */
export function numbered<T extends string>(what: string, values: readonly T[]): Codec<T> {
  return map(
    u64,
    (number) => {
      const value = values[number];
      if (value === undefined) throw new FerryError('corrupt', `${number} is not ${what}`);
      return value;
    },
    (value) => values.indexOf(value),
  );
}

/** 0 for nothing, or 1 and the value. */
export function optional<T>(of: Codec<T>): Codec<T | undefined> {
  return {
    read: (reader, context) =>
      andThen(bool.read(reader, context), (isThere) =>
        isThere ? of.read(reader, context) : undefined,
      ),
    write: (writer, value, context) => {
      bool.write(writer, value !== undefined, context);
      if (value !== undefined) of.write(writer, value, context);
    },
  };
}

/** Bytes, `max` at the most. */
export function bytes(max: number): Codec<Uint8Array> {
  return {
    // The reader's view is only lent.
    read: (reader) => andThen(readBytes(reader, max), (view) => view.slice()),
    write: (writer, value) => writer.bytes(value),
  };
}

/** Bytes that are mostly text, kept as they are: variables and arguments of derivations. */
export function byteString(max: number): Codec<ByteString> {
  return {
    read: (reader) => andThen(readBytes(reader, max), toByteString),
    write: (writer, value) => writer.bytes(fromByteString(value)),
  };
}

const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lossyDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** A text of `max` bytes at the most; what isn't UTF-8 is refused. */
export function string(max: number): Codec<string> {
  return text(max, (view) => {
    try {
      return strictDecoder.decode(view);
    } catch (cause) {
      throw new FerryError('corrupt', 'text is not UTF-8', { cause });
    }
  });
}

/** A text for people, such as an error message: what isn't UTF-8 is replaced. */
export function message(max: number): Codec<string> {
  return text(max, (view) => lossyDecoder.decode(view));
}

function text(max: number, decode: (view: Uint8Array) => string): Codec<string> {
  return {
    read: (reader) => andThen(readBytes(reader, max), decode),
    write: (writer, value) => writer.string(value),
  };
}

/** The contents of a string as a view that is valid until the next read. */
function readBytes(reader: ByteReader, max: number): MaybePromise<Uint8Array> {
  return andThen(reader.u64(), (length) => {
    if (length > max) {
      throw new FerryError('corrupt', `${length} bytes long, more than ${max}`);
    }
    const padding = paddingOf(length);
    return andThen(reader.read(length + padding), (padded) => {
      for (let i = length; i < padded.length; i++) {
        if (padded[i] !== 0) throw new FerryError('corrupt', 'padding is not zero');
      }
      return padding === 0 ? padded : padded.subarray(0, length);
    });
  });
}

/** A count and as many values, `max` at the most. */
export function list<T>(of: Codec<T>, max: number): Codec<readonly T[]> {
  return {
    read: (reader, context) =>
      andThen(reader.u64(), (count) => {
        if (count > max) throw new FerryError('corrupt', `${count} entries, more than ${max}`);
        const items: T[] = [];
        return readItems(reader, context, of, count, items);
      }),
    write: (writer, items, context) => {
      writer.u64(items.length);
      for (const item of items) of.write(writer, item, context);
    },
  };
}

function readItems<T>(
  reader: ByteReader,
  context: WireContext,
  of: Codec<T>,
  count: number,
  items: T[],
): MaybePromise<readonly T[]> {
  while (items.length < count) {
    try {
      const item = of.read(reader, context);
      // From here on with promises: `await` in a loop, so that long lists don't build long chains of them.
      if (item instanceof Promise) return readItemsLater(reader, context, of, count, items, item);
      items.push(item);
    } catch (error) {
      throw inField(`[${items.length}]`, error, reader);
    }
  }
  return items;
}

async function readItemsLater<T>(
  reader: ByteReader,
  context: WireContext,
  of: Codec<T>,
  count: number,
  items: T[],
  first: Promise<T>,
): Promise<readonly T[]> {
  try {
    items.push(await first);
    while (items.length < count) {
      const item = of.read(reader, context);
      items.push(item instanceof Promise ? await item : item);
    }
  } catch (error) {
    throw inField(`[${items.length}]`, error, reader);
  }
  return items;
}

export type Fields<T> = { readonly [K in keyof T]-?: Codec<T[K]> };

/**
 * Several fields, one after the other: the order in the literal is the order on the wire, so leave it alone. Fields
 * whose value is undefined are absent from what is read.
 */
export function struct<T extends object>(fields: Fields<T>): Codec<T> {
  const names = Object.keys(fields) as (keyof T & string)[];
  const entries: Entries<T> = names.map((name) => [name, fields[name]]);
  return {
    read: (reader, context) => readFields(reader, context, entries, 0, {}),
    write: (writer, value, context) => {
      for (const [name, codec] of entries) codec.write(writer, value[name], context);
    },
  };
}

type Entries<T> = readonly [keyof T & string, Codec<T[keyof T & string]>][];

function readFields<T>(
  reader: ByteReader,
  context: WireContext,
  entries: Entries<T>,
  start: number,
  read: Partial<T>,
): MaybePromise<T> {
  for (let i = start; i < entries.length; i++) {
    const [name, codec] = entries[i] as Entries<T>[number];
    let value: MaybePromise<T[keyof T & string]>;
    try {
      value = codec.read(reader, context);
    } catch (error) {
      throw inField(name, error, reader);
    }
    if (value instanceof Promise) {
      return value.then(
        (later) => {
          if (later !== undefined) read[name] = later;
          return readFields(reader, context, entries, i + 1, read);
        },
        (error: unknown) => {
          throw inField(name, error, reader);
        },
      );
    }
    if (value !== undefined) read[name] = value;
  }
  return read as T;
}

/** The same bytes under another type. `to` may refuse by throwing a FerryError. */
export function map<A, B>(of: Codec<A>, to: (value: A) => B, from: (value: B) => A): Codec<B> {
  return {
    read: (reader, context) => andThen(of.read(reader, context), to),
    write: (writer, value, context) => of.write(writer, from(value), context),
  };
}

/** A field that is there from this protocol version on; before it, it reads as `otherwise`. */
export function since<T>(version: number, codec: Codec<T>, otherwise: T): Codec<T> {
  return between(version, Number.POSITIVE_INFINITY, codec, otherwise);
}

/** A field that is there from version `first` to version `last`. */
export function between<T>(first: number, last: number, codec: Codec<T>, otherwise: T): Codec<T> {
  const isThere = ({ version }: WireContext): boolean => version >= first && version <= last;
  return {
    read: (reader, context) => (isThere(context) ? codec.read(reader, context) : otherwise),
    write: (writer, value, context) => {
      if (isThere(context)) codec.write(writer, value, context);
    },
  };
}
