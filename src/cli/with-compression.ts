/** `--gzip`: the parameter of a store's URI that it stands for. */
import { parseStoreUri } from '../config/store-uri.ts';

/** Adds `compress=true` where the store is reached by ssh; elsewhere there is nothing to compress. */
export function withCompression(uri: string | undefined, isWanted: boolean): string | undefined {
  if (uri === undefined || !isWanted) return uri;
  const { kind } = parseStoreUri(uri);
  if (kind !== 'ssh' && kind !== 'ssh-ng') return uri;
  return `${uri}${uri.includes('?') ? '&' : '?'}compress=true`;
}
