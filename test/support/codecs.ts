/** For tests of codecs: values to hex and back, in one piece or as the test cuts it. */
import { decodeBase16, encodeBase16 } from '../../src/bytes/base16.ts';
import { ByteReader } from '../../src/bytes/byte-reader.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { defaultStoreDir } from '../../src/format/store-path.ts';
import { protocolVersion, type Codec, type WireContext } from '../../src/wire/codec.ts';

/** Version 2.`minor` of the serve protocol, or 1.`minor` of the worker protocol. */
export function contextAt(minor: number, major = 2): WireContext {
  return {
    version: protocolVersion(major, minor),
    features: new Set(),
    storeDir: defaultStoreDir,
  };
}

export function writeValue<T>(codec: Codec<T>, value: T, context: WireContext): Uint8Array {
  const writer = new ByteWriter();
  codec.write(writer, value, context);
  return writer.take();
}

/** Reads all of `bytes`, given in chunks of the size wanted. */
export async function readValue<T>(
  codec: Codec<T>,
  bytes: Uint8Array,
  context: WireContext,
  chunkSize: number = Math.max(1, bytes.length),
): Promise<T> {
  const reader = new ByteReader(cut(bytes, chunkSize));
  const value = await codec.read(reader, context);
  if (!(await reader.atEnd())) throw new Error(`the value ends at byte ${reader.offset}`);
  return value;
}

/** Groups of eight bytes on lines of their own, as protocols have them. */
export function hexLines(bytes: Uint8Array): string {
  return (encodeBase16(bytes).match(/.{1,16}/g) ?? []).join(' ');
}

export function fromHexLines(hex: string): Uint8Array {
  return decodeBase16(hex.replaceAll(/\s/g, ''));
}

async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
