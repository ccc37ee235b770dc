/** Whose turn it is on the terminal: lines that change in place make room while a person is asked something. */

interface Standing {
  /** Takes its lines away; done when they are. */
  makeRoom(): Promise<void>;
}

const standing = new Set<Standing>();
/** What is to be done when the terminal is free again. */
const waiting: (() => void)[] = [];
const waitingMax = 1000;
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

/** Prints when nobody is asked anything: at once as a rule. Too many lines don't wait: a question is then in between. */
export function whenTerminalIsFree(print: () => void): void {
  if (questions === 0 || waiting.length >= waitingMax) print();
  else waiting.push(print);
}

export async function withTerminal<T>(work: () => Promise<T>): Promise<T> {
  questions++;
  try {
    await Promise.all(Array.from(standing, (view) => view.makeRoom()));
    return await work();
  } finally {
    questions--;
    if (questions === 0) for (const print of waiting.splice(0)) print();
  }
}
