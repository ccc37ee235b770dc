import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from '../deploy/fleet.ts';
import { isFerryError } from '../error.ts';
import type { HostConnection } from '../host/host-connection.ts';
import { askHosts, type HostAnswer } from './ask-hosts.ts';
import type { CommandContext, Output } from './context.ts';
import type { Session } from './session.ts';

const silent: Output = {
  isTerminal: false,
  hasColours: false,
  width: () => 80,
  write: async () => {},
};

const hosts = ['a', 'b', 'c', 'd'].map((name) => ({ name }) as Host);

interface Asked {
  readonly answers: string[];
  /** Connections that were closed. */
  readonly closed: string[];
  readonly run: Promise<void>;
}

/** Asks hosts of which each does as `behave` says. */
function askWith(
  behave: (host: string, signal: AbortSignal) => Promise<string>,
  { signal = new AbortController().signal, limitMs = 10_000 } = {},
): Asked {
  const answers: string[] = [];
  const closed: string[] = [];
  const context = { signal, stderr: silent, env: { variables: {} }, verbosity: 0 } as unknown;
  const run = askHosts<string>(context as CommandContext, hosts, {
    session: { onLine: () => {} } as unknown as Session,
    opener: {
      open: async (host) => {
        const connection: Partial<HostConnection> = {
          host,
          [Symbol.asyncDispose]: async () => void closed.push(host.name),
        };
        return connection as HostConnection;
      },
    },
    limitMs,
    ask: (connection, host, limit) => {
      assert.equal(connection.host, host);
      return behave(host.name, limit);
    },
    onAnswer: async (answer) => void answers.push(`${answer.host.name}: ${told(answer)}`),
  });
  return { answers, closed, run };
}

function told(answer: HostAnswer<string>): string {
  if ('value' in answer) return answer.value;
  return isFerryError(answer.error) ? answer.error.code : 'failed';
}

test('answers come in the order of the hosts, each as soon as those before it are known', async () => {
  const gates = new Map(hosts.map(({ name }) => [name, Promise.withResolvers<string>()]));
  const { answers, closed, run } = askWith((name) => gates.get(name)?.promise ?? sleep(0, ''));
  gates.get('b')?.resolve('two');
  await sleep(1);
  assert.deepEqual(answers, []);
  gates.get('a')?.resolve('one');
  await sleep(1);
  assert.deepEqual(answers, ['a: one', 'b: two']);
  gates.get('d')?.reject(new Error('broken'));
  gates.get('c')?.resolve('three');
  await run;
  assert.deepEqual(answers, ['a: one', 'b: two', 'c: three', 'd: failed']);
  assert.deepEqual(closed.sort(), ['a', 'b', 'c', 'd']);
});

test('one that never answers is given up after its time', async () => {
  const forever = (signal: AbortSignal): Promise<string> =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });
  const { answers, run } = askWith(
    async (name, signal) => (name === 'b' ? await forever(signal) : 'well'),
    { limitMs: 50 },
  );
  await run;
  assert.deepEqual(answers, ['a: well', 'b: unavailable', 'c: well', 'd: well']);
});

test('who is stopped tells nothing more, and says why', async () => {
  const stop = new AbortController();
  const reason = new Error('stopped');
  const { run, closed } = askWith(
    async (_name, signal) => {
      await sleep(5);
      stop.abort(reason);
      throw signal.reason;
    },
    { signal: stop.signal },
  );
  await assert.rejects(run, reason);
  assert.equal(closed.length, hosts.length);
});
