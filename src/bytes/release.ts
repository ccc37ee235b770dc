/** Memory that is given back at once, and not when the collector next comes by: that may be 64 MiB of chunks later. */

/** Owners of chunks that have several. */
const owners = new WeakMap<ArrayBuffer, number>();

/**
 * Says that a chunk has so many owners: its memory goes when the last of them has released it, each once. None of them
 * may change it. One that only has a view on part of it, or drops it, leaves it to the collector.
 */
export function shareChunk(chunk: Uint8Array, count: number): void {
  const { buffer } = chunk;
  if (count > 1 && isAllOf(chunk, buffer)) owners.set(buffer, count);
}

/**
 * For chunks that are the caller's own and of no more use: they are empty afterwards. A view on part of some memory
 * is left alone.
 */
export function releaseChunk(chunk: Uint8Array): void {
  const { buffer } = chunk;
  if (!isAllOf(chunk, buffer)) return;
  const others = (owners.get(buffer) ?? 1) - 1;
  if (others > 0) owners.set(buffer, others);
  else buffer.transfer(0);
}

function isAllOf(chunk: Uint8Array, buffer: ArrayBufferLike): buffer is ArrayBuffer {
  return buffer instanceof ArrayBuffer && chunk.byteLength === buffer.byteLength;
}
