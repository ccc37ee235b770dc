/** Where the benchmark keeps what it builds once. */
import { fileURLToPath } from 'node:url';

/** The checkout that this file stands in. */
export const checkout: string = fileURLToPath(new URL('..', import.meta.url));

export function benchDirectory(): string {
  return process.env['FERRY_BENCH'] ?? fileURLToPath(new URL('../.bench', import.meta.url));
}
