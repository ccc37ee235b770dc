/** The seed of a test that does something at random: FERRY_SEED repeats a run that failed. */
import type { TestContext } from 'node:test';
import { createRandom, type Random } from '../../fuzz/random.ts';

/** A new one, or the one that is asked for; the test's diagnostics tell it. */
export function seedOf(context: TestContext): number {
  const seed = Number(process.env['FERRY_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
  context.diagnostic(`FERRY_SEED=${seed}`);
  return seed;
}

export function randomOf(context: TestContext): Random {
  return createRandom(seedOf(context));
}
