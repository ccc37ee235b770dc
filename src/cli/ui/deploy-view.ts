/** What whoever deploys shows it by: events go in, and lines that must not get between. */
import type { DeployEvent } from '../../deploy/events.ts';

export interface DeploymentView {
  readonly onEvent: (event: DeployEvent) => void;
  /** A line of talk on stderr, which must not get between the lines that change. */
  readonly print: (line: string) => void;
  /** Leaves the terminal as it was, and tells what became of each host. Also after a failure. */
  finish(): Promise<void>;
  /** Leaves the terminal as it was, and tells no more: what a dry run found is told elsewhere. */
  dismiss(): Promise<void>;
}

/** For a dry run: what is drawn meanwhile is gone when it is over. */
export async function dismissedAfter<T>(view: DeploymentView, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } finally {
    await view.dismiss();
  }
}
