/** Memory that is given back at once, and not when the collector next comes by: that may be 64 MiB of chunks later. */

/**
 * For chunks that are the caller's own and of no more use: they are empty afterwards. A view on part of some memory
 * is left alone.
 */
export function releaseChunk(chunk: Uint8Array): void {
  const { buffer } = chunk;
  if (buffer instanceof ArrayBuffer && chunk.byteLength === buffer.byteLength) buffer.transfer(0);
}
