/** The library for xz is native and an optional dependency of a dependency: where npm left it out, its tests say so. */
import { loadLzma } from '../../src/system/compression/lzma-library.ts';

/** What to give `skip` of a test that needs it; with FERRY_REQUIRE_PEERS=1 such tests run, and fail. */
export const skipWithoutLzma: string | false = await reasonToSkip();

async function reasonToSkip(): Promise<string | false> {
  if (process.env['FERRY_REQUIRE_PEERS'] === '1') return false;
  try {
    await loadLzma();
    return false;
  } catch {
    return 'the library for xz is not installed: npm ci';
  }
}
