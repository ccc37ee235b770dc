/**
 * Servers that didn't answer, remembered for a minute: a dead server costs one time-out, not one for each request.
 * What is remembered is a fact of the network, so all clients of a process share it.
 */

/** Why a server is taken for dead. */
export interface Death {
  readonly reason: string;
  readonly hint?: string | undefined;
}

const MEMORY_MS = 60_000;
/** A redirecting server can't make us remember more. */
const HOSTS_MAX = 1000;

export class DeadHosts {
  readonly #memoryMs: number;
  readonly #hosts = new Map<string, { readonly until: number; readonly death: Death }>();

  constructor(memoryMs: number = MEMORY_MS) {
    this.#memoryMs = memoryMs;
  }

  deathOf(host: string): Death | undefined {
    const dead = this.#hosts.get(host);
    if (dead === undefined) return undefined;
    if (dead.until > performance.now()) return dead.death;
    this.#hosts.delete(host);
    return undefined;
  }

  add(host: string, death: Death): void {
    const oldest = this.#hosts.keys().next();
    if (this.#hosts.size >= HOSTS_MAX && oldest.done !== true) this.#hosts.delete(oldest.value);
    this.#hosts.set(host, { until: performance.now() + this.#memoryMs, death });
  }

  delete(host: string): void {
    this.#hosts.delete(host);
  }
}

export const deadHostsOfProcess: DeadHosts = new DeadHosts();
