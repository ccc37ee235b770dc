/** Whose turn it is on the terminal: lines that change in place make room while a person is asked something. */

interface Standing {
  /** Takes its lines away; what it wants to say meanwhile it keeps. */
  clear(): void;
}

const standing = new Set<Standing>();
let questions = 0;

/** Nothing may be drawn now. */
export function isTerminalTaken(): boolean {
  return questions > 0;
}

/** To be called by who has lines on the terminal. */
export function standOnTerminal(view: Standing): void {
  standing.add(view);
}

export function leaveTerminal(view: Standing): void {
  standing.delete(view);
}

export async function withTerminal<T>(work: () => Promise<T>): Promise<T> {
  questions++;
  for (const view of standing) view.clear();
  try {
    return await work();
  } finally {
    questions--;
  }
}
