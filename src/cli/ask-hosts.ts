/**
 * Asks many hosts something at the same time. Each has its own limits, so that a dead one delays nobody; answers are
 * told in the order of the inventory, each as soon as all before it are known.
 */
import type { Host } from '../deploy/fleet.ts';
import { FerryError } from '../error.ts';
import type { HostConnection } from '../host/host-connection.ts';
import { forEachAtOnce } from '../system/at-once.ts';
import type { CommandContext } from './context.ts';
import { hostOpener, type HostOpener } from './open-hosts.ts';
import type { Session } from './session.ts';
import { clipToWidth } from './ui/display-width.ts';
import { lineText } from './ui/deploy-state.ts';
import { LiveLines } from './ui/live-lines.ts';
import { OrderedOutput } from './ui/ordered-output.ts';

export interface AskHostsOptions<Answer> {
  readonly session: Session;
  /** How hosts are reached, where it isn't as usual. */
  readonly opener?: HostOpener | undefined;
  /** What is asked. */
  readonly ask: (connection: HostConnection, host: Host, signal: AbortSignal) => Promise<Answer>;
  /** From when we are let in to the answer. Reaching it has limits of its own, which know of people who type. */
  readonly limitMs: number;
  /** Called in the order of the hosts, one at a time. */
  readonly onAnswer: (answer: HostAnswer<Answer>) => Promise<void>;
}

export type HostAnswer<Answer> = { readonly host: Host } & (
  | { readonly value: Answer }
  | { readonly error: unknown }
);

/** No machine bears a thousand logins at a time. */
const WIDTH = 64;
/** In milliseconds: nothing is shown of what is over within the first. */
const QUIET_MS = 400;
const REDRAW_MS = 200;
const COLUMNS = 80;

/** @throws what `onAnswer` throws; the reason of the context's signal */
export async function askHosts<Answer>(
  context: CommandContext,
  hosts: readonly Host[],
  options: AskHostsOptions<Answer>,
): Promise<void> {
  const { session, onAnswer, opener = hostOpener(context, session) } = options;
  const waiting = new Set(hosts);
  const known = new Map<Host, HostAnswer<Answer>>();
  const talk = showWaiting(context, hosts, waiting);
  let telling: Promise<void> = Promise.resolve();
  let told = 0;
  const tell = async (): Promise<void> => {
    for (let host = hosts[told]; host !== undefined; host = hosts[told]) {
      const answer = known.get(host);
      if (answer === undefined) return;
      told++;
      known.delete(host);
      await talk.pause();
      await onAnswer(answer);
    }
  };
  const { onLine } = session;
  session.onLine = talk.print;
  try {
    await forEachAtOnce(hosts, Math.min(WIDTH, hosts.length), async (host) => {
      known.set(host, await answerOf(context, host, opener, options));
      context.signal.throwIfAborted();
      waiting.delete(host);
      telling = telling.then(tell);
      await telling;
    });
  } finally {
    session.onLine = onLine;
    await talk.end();
  }
}

async function answerOf<Answer>(
  { signal: stop }: CommandContext,
  host: Host,
  opener: HostOpener,
  { ask, limitMs }: AskHostsOptions<Answer>,
): Promise<HostAnswer<Answer>> {
  let limit: AbortSignal | undefined;
  try {
    await using connection = await opener.open(host, { signal: stop });
    limit = AbortSignal.timeout(limitMs);
    const value = await ask(connection, host, AbortSignal.any([stop, limit]));
    return { host, value };
  } catch (error) {
    if (limit?.aborted !== true || stop.aborted) return { host, error };
    const message = `"${host.name}" gave no answer within ${limitMs / 1000} s`;
    return { host, error: new FerryError('unavailable', message, { cause: error }) };
  }
}

interface Waiting {
  /** A line of talk, above the one that changes. */
  readonly print: (line: string) => void;
  /** Takes the line away, for something that is printed. */
  pause(): Promise<void>;
  end(): Promise<void>;
}

/** On a terminal a line that says who is waited for. */
function showWaiting(
  { stderr, env, verbosity }: CommandContext,
  hosts: readonly Host[],
  waiting: ReadonlySet<Host>,
): Waiting {
  const output = new OrderedOutput(stderr);
  const lines = new LiveLines(output);
  const isLive = stderr.isTerminal && env.variables['TERM'] !== 'dumb' && verbosity >= 0;
  const startedAt = performance.now();
  const draw = (): void => {
    if (performance.now() - startedAt < QUIET_MS) return;
    const names = Array.from(waiting, ({ name }) => lineText(name)).join(', ');
    const count = `${hosts.length - waiting.size}/${hosts.length}`;
    const line = `asked ${count} hosts, waiting for ${names}`;
    if (waiting.size > 0) lines.draw([clipToWidth(line, stderr.width() || COLUMNS)]);
  };
  const timer = isLive ? setInterval(draw, REDRAW_MS) : undefined;
  timer?.unref();
  const settled = (): Promise<void> => output.settled().catch(() => {});
  return {
    print(line) {
      if (verbosity >= 0) lines.print(line);
    },
    async pause() {
      lines.clear();
      await settled();
    },
    async end() {
      clearInterval(timer);
      lines.clear();
      await settled();
    },
  };
}
