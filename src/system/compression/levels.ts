/** Levels as Nix's `compression-level` means them: those of the method's own library, and −1 for its default. */
import { FerryError } from '../../error.ts';
import { isWritable, type Compression } from '../../format/compression.ts';

interface Levels {
  readonly min: number;
  readonly max: number;
  /** What Nix gets when it asks for none: the default of the library behind it. */
  readonly usual: number;
}

const LEVELS: Readonly<Partial<Record<Compression, Levels>>> = {
  gzip: { min: 0, max: 9, usual: 6 },
  xz: { min: 0, max: 9, usual: 6 },
  zstd: { min: -99, max: 22, usual: 3 },
  // Slow: some 1 MB/s. It is what Nix writes, for logs and lists mostly, and nobody's choice for large NARs.
  br: { min: 0, max: 11, usual: 11 },
};

/**
 * The level to compress with.
 * @throws FerryError `unsupported` for a method that is only read, `usage` for a level that the method doesn't have
 */
export function resolveLevel(compression: Compression, level: number | undefined): number {
  if (!isWritable(compression)) {
    throw new FerryError('unsupported', `cannot compress with ${compression}: it is only read`, {
      hint: 'zstd and xz are what caches are written with',
    });
  }
  const levels = LEVELS[compression];
  if (levels === undefined || level === undefined || level === -1) return levels?.usual ?? 0;
  const { min, max } = levels;
  if (Number.isInteger(level) && level >= min && level <= max) return level;
  throw new FerryError('usage', `cannot compress with ${compression}: there is no level ${level}`, {
    hint: `its levels are ${min} to ${max}`,
  });
}
