/** Runs a target on mutants of its seeds, until one shows something or the time is over. */
import { mutate } from './mutate.ts';
import { createRandom } from './random.ts';
import type { FuzzTarget } from './target.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** Ends after so many milliseconds, or so many inputs, whichever comes first. */
  readonly timeMs?: number;
  readonly runsMax?: number;
}

export interface FuzzReport {
  readonly runs: number;
  readonly finding?: Finding;
}

/** An input for which something doesn't hold. */
interface Finding {
  readonly error: unknown;
  readonly input: Uint8Array;
  /** With the seed it leads to the input again. */
  readonly run: number;
}

/** Milliseconds after which one input took too long: all of them are small. */
const SLOW_MS = 5_000;

/** The seeds themselves come first. */
export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzReport> {
  const { seed, timeMs = Infinity, runsMax = Infinity } = options;
  const pieces = [...target.seeds, ...(target.dictionary ?? [])];
  const end = performance.now() + timeMs;
  let run = 0;
  for (; run < runsMax && performance.now() < end; run++) {
    // Each run has its own numbers, so that it can be repeated alone.
    const random = createRandom(seed * 1_000_003 + run);
    const input = target.seeds[run] ?? mutate(random.pick(target.seeds), pieces, random);
    const started = performance.now();
    try {
      await inTime(target.check(input, random));
    } catch (error) {
      return { runs: run + 1, finding: { error, input, run } };
    }
    if (performance.now() - started > SLOW_MS) {
      return { runs: run + 1, finding: { error: new Error('took too long'), input, run } };
    }
  }
  return { runs: run };
}

/** A promise that never settles is a finding too. */
async function inTime(checking: void | Promise<void>): Promise<void> {
  if (checking === undefined) return;
  const late = Promise.withResolvers<never>();
  const timeout = setTimeout(() => late.reject(new Error('never came to an end')), SLOW_MS);
  try {
    await Promise.race([checking, late.promise]);
  } finally {
    clearTimeout(timeout);
  }
}
