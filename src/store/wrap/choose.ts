/**
 * Which of several substituters a path is taken from: the one of the best priority that has it and is acceptable. All
 * are asked at once, priority only chooses: a path that only the last one has then costs one round trip and not one for
 * each before it, for the price of requests that are in vain. Nobody waits for one that is late while another has the
 * path, whatever their priorities.
 */
import type { PathInfo } from '../../format/path-info.ts';
import type { Substituter } from './substituter.ts';

export interface Choice {
  readonly from: Substituter;
  readonly info: PathInfo;
}

/**
 * @param ask what one of them knows of the path; never rejects but for aborts and our own mistakes.
 * @param accepts whether an info that is about to be chosen will do. Asked once for each.
 * @returns undefined when all have answered and none will do.
 */
export function choose(
  substituters: readonly Substituter[],
  ask: (substituter: Substituter) => Promise<PathInfo | undefined>,
  accepts: (choice: Choice) => boolean,
): Promise<Choice | undefined> {
  return new Promise((resolve, reject) => {
    const answers = new Map<Substituter, PathInfo | undefined>();
    const stops: (() => void)[] = [];
    let isOver = false;
    const settle = (end: () => void): void => {
      isOver = true;
      for (const stop of stops.splice(0)) stop();
      end();
    };
    const decide = (): void => {
      if (isOver) return;
      for (const from of inOrder(substituters)) {
        if (!answers.has(from)) {
          if (from.lateness.isLate) continue;
          return;
        }
        const info = answers.get(from);
        if (info === undefined) continue;
        const choice = { from, info };
        if (accepts(choice)) {
          settle(() => resolve(choice));
          return;
        }
        answers.set(from, undefined);
      }
      if (answers.size === substituters.length) settle(() => resolve(undefined));
    };
    const take = async (from: Substituter): Promise<void> => {
      try {
        answers.set(from, await ask(from));
        decide();
      } catch (error) {
        settle(() => reject(error));
      }
    };
    if (substituters.length === 0) resolve(undefined);
    for (const from of substituters) {
      stops.push(from.lateness.onLate(decide));
      void take(from);
    }
  });
}

/** Best first; one that hasn't told its priority may be the best of all. Whoever gave much that was wrong comes last. */
function inOrder(substituters: readonly Substituter[]): readonly Substituter[] {
  const priorityOf = ({ traits }: Substituter): number => traits?.priority ?? -Infinity;
  return [...substituters].sort(
    (a, b) =>
      Number(a.isDoubtful) - Number(b.isDoubtful) ||
      priorityOf(a) - priorityOf(b) ||
      a.index - b.index,
  );
}
