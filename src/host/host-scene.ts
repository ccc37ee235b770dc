/** What reaching hosts needs from outside. */
import type { Environment } from '../config/environment.ts';
import type { Settings } from '../config/settings.ts';
import type { TreeWorkers } from '../system/tree-jobs.ts';

export interface HostScene {
  readonly env: Environment;
  /** Default: nix.conf and what else counts, by `env`. */
  readonly settings?: Settings | undefined;
  /** Threads for file trees, to be shared by the stores of several hosts. */
  readonly workers?: TreeWorkers | undefined;
  /** Settings that were changed for this one use. */
  readonly overrides?: ReadonlyMap<string, string> | undefined;
  /**
   * Asks the person for a password and the like. One question at a time is asked, whatever the number of hosts, and what
   * was answered is remembered, in memory, for as long as this function lives. Where it is absent nobody can be asked.
   */
  readonly askSecret?: AskSecret | undefined;
  /** A line that ssh or a program on a host printed on the side, or what people should know although it works. */
  readonly onDiagnostic?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * @param question fit for a terminal, possibly of several lines; the last one is to be answered on.
 * @returns undefined where there is nobody to ask.
 */
export type AskSecret = (
  question: string,
  options?: AskSecretOptions,
) => Promise<string | undefined>;

export interface AskSecretOptions {
  /** It is no secret, and is shown as it is typed. Default false. */
  readonly isVisible?: boolean | undefined;
  /** Whoever asked is gone: the question is to be taken back. */
  readonly signal?: AbortSignal | undefined;
}
