/** Whether a host is well after its activation: what the inventory says must hold, tried until it does or time is up. */
import { FerryError, messageOf } from '../error.ts';
import type { HostConnection } from '../host/host-connection.ts';
import { pause } from '../system/pause.ts';
import { reachPort, reachUrl } from '../system/reach.ts';
import type { HealthCheck } from './fleet.ts';

export interface CheckHealthOptions {
  /** The connection over which commands run; that it stands is the first sign of health. */
  readonly connection: HostConnection;
  /** What the host's name means to ssh: where ports and URLs of it are looked for. */
  readonly address: string;
  /** Commands run as the owner of the profile. */
  readonly asRoot: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Between attempts: what has just been started may take a moment. */
const pauseMs = 500;

/** All at the same time. @throws FerryError `failed` naming the first check of the list that does not hold. */
export async function checkHealth(
  checks: readonly HealthCheck[],
  options: CheckHealthOptions,
): Promise<void> {
  const outcomes = await Promise.allSettled(checks.map((check) => untilWell(check, options)));
  options.signal?.throwIfAborted();
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

async function untilWell(check: HealthCheck, options: CheckHealthOptions): Promise<void> {
  const deadline = performance.now() + check.timeoutMs;
  for (;;) {
    const leftMs = Math.max(1, Math.ceil(deadline - performance.now()));
    try {
      await once(check, leftMs, options);
      return;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (deadline - performance.now() <= pauseMs) {
        const message = `the health check of "${options.connection.host.name}" failed: ${messageOf(error)}`;
        throw new FerryError('failed', message, { cause: error });
      }
    }
    await pause(pauseMs, options.signal);
  }
}

async function once(
  check: HealthCheck,
  timeoutMs: number,
  { connection, address, asRoot, signal }: CheckHealthOptions,
): Promise<void> {
  switch (check.kind) {
    case 'tcp':
      return await reachPort(address, check.port, { timeoutMs, signal });
    case 'http': {
      const host = address.includes(':') ? `[${address}]` : address;
      return await reachUrl(check.url.replaceAll('{host}', host), { timeoutMs, signal });
    }
    case 'command': {
      // An abort or the end of the time must not leave it running beside the next attempt: the session ends with it.
      const { status, stderr } = await connection.run('exec sh -c "$1"', {
        args: [check.command],
        asRoot,
        timeoutMs,
        signal,
      });
      if (status === 0) return;
      const said = stderr.trim().split('\n').at(-1) ?? '';
      const why = said === '' ? '' : `: ${said}`;
      throw new FerryError('failed', `"${check.command}" ended with status ${status}${why}`);
    }
  }
}
