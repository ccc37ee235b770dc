/**
 * A walk along references without levels: what a path refers to is visited as soon as that is known, so that a chain
 * costs its depth and a slow answer holds up nothing but what hangs on it.
 */
import type { StorePath } from '../../format/store-path.ts';

/** Visits under way at the same time: enough that every question is full, and memory has a bound. */
const VISITS_MAX = 4096;

/**
 * Visits each path once.
 * @param visit gives the paths to go on to.
 * @throws the first error of a visit; nothing new is visited after it, what is under way goes on.
 */
export function walkReferences(
  roots: Iterable<StorePath>,
  visit: (path: StorePath) => Promise<Iterable<StorePath>>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const seen = new Set<StorePath>(roots);
    const waiting = [...seen];
    let underWay = 0;
    let hasFailed = false;
    const visitOne = async (path: StorePath): Promise<void> => {
      try {
        for (const next of await visit(path)) {
          if (seen.has(next)) continue;
          seen.add(next);
          waiting.push(next);
        }
      } catch (error) {
        hasFailed = true;
        reject(error);
      }
      underWay--;
      goOn();
    };
    const goOn = (): void => {
      if (hasFailed) return;
      while (underWay < VISITS_MAX) {
        const path = waiting.pop();
        if (path === undefined) break;
        underWay++;
        void visitOne(path);
      }
      if (underWay === 0) resolve();
    };
    goOn();
  });
}
