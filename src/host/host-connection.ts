/**
 * A host that is connected: scripts run on it, as the user who logs in or as root, and its store is opened through the
 * same login. Whoever must type a password types it once, whatever the number of sessions.
 */
import type { Store } from '../store/store.ts';
import type { HostFacts } from './host-facts.ts';
import type { HostTarget } from './host-target.ts';

export interface HostConnection extends AsyncDisposable {
  readonly host: HostTarget;
  /** What was found out when it was connected; by `survey` again. */
  readonly facts: HostFacts;
  /**
   * Runs a script of POSIX sh there. The script reaches `sh` on no command line; `args` are its `$1` and so on.
   * @throws FerryError `unavailable` where the host can't be reached or goes away, `denied` for a wrong password; an exit
   * status other than 0 is no error here.
   */
  run(script: string, options?: HostRunOptions): Promise<HostRun>;
  /** Its store, written to as root where that is allowed. Closed with this. */
  openStore(): Promise<Store>;
  /** A second connection that shares nothing with this one but passwords: it shows that the host can be reached. */
  reconnect(options?: { readonly signal?: AbortSignal | undefined }): Promise<HostConnection>;
}

export interface HostRunOptions {
  readonly args?: readonly string[] | undefined;
  /** As root, the way `facts.becomesRoot` says. Default false. */
  readonly asRoot?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** From the start to the end of the script. Default a minute. */
  readonly timeoutMs?: number | undefined;
  /** What it prints on stdout, line by line, as it comes. */
  readonly onLine?: ((line: string) => void) | undefined;
}

export interface HostRun {
  readonly status: number;
  /** At most a megabyte of it. */
  readonly stdout: string;
  /** Its last lines, fit for a terminal. */
  readonly stderr: string;
}
