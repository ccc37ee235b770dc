import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FerryError } from '../error.ts';
import type { HostConnection } from '../host/host-connection.ts';
import { HostLink } from './host-link.ts';

const gone = (): FerryError => new FerryError('unavailable', 'the cable was pulled');

/** Connections that are numbered as they are made; `outcomes` are those of reconnecting, in turn. */
function openLink(outcomes: (() => FerryError | undefined)[], signal?: AbortSignal) {
  const closed: number[] = [];
  let made = 0;
  const connect = (): HostConnection => {
    const number = made++;
    return {
      host: { name: 'h1', uri: 'ssh://h1', becomeRoot: 'auto' },
      get facts(): never {
        throw new Error('nobody asks');
      },
      run: () => Promise.resolve({ status: number, stdout: '', stderr: '' }),
      openStore: () => Promise.reject(new Error('nobody asks')),
      reconnect: async () => {
        const error = outcomes.shift()?.();
        if (error !== undefined) throw error;
        return connect();
      },
      [Symbol.asyncDispose]: async () => {
        closed.push(number);
        if (number === 0) throw gone();
      },
    };
  };
  return { link: new HostLink(connect(), signal), closed };
}

const soon = (): number => performance.now() + 60_000;

test('what breaks is done again over a new connection', async () => {
  const { link, closed } = openLink([() => undefined]);
  const seen: number[] = [];
  const result = await link.persist(soon(), async (connection) => {
    const { status } = await connection.run('');
    seen.push(status);
    if (status === 0) throw gone();
    return status;
  });
  assert.equal(result, 1);
  assert.deepEqual(seen, [0, 1]);
  await link[Symbol.asyncDispose]();
  assert.deepEqual(
    closed.sort((a, b) => a - b),
    [0, 1],
  );
});

test('it is tried again until the host is there', async () => {
  const { link } = openLink([gone, () => undefined]);
  const connection = await link.renew(soon());
  assert.equal((await connection.run('')).status, 1);
  assert.equal(link.connection, connection);
});

test('in the end it says that the host can not be reached', async () => {
  const { link } = openLink([gone]);
  await assert.rejects(link.renew(performance.now()), {
    code: 'unavailable',
    message: 'cannot reach "h1" again: the cable was pulled',
  });
});

test('what trying again can not mend is said at once', async () => {
  const { link } = openLink([() => new FerryError('denied', 'a wrong password')]);
  await assert.rejects(link.renew(soon()), { code: 'denied', message: 'a wrong password' });
  const { link: other } = openLink([]);
  const failing = other.persist(soon(), () => Promise.reject(new FerryError('conflict', 'busy')));
  await assert.rejects(failing, { code: 'conflict' });
});

test('past its deadline what breaks stays broken', async () => {
  const { link } = openLink([() => undefined]);
  await assert.rejects(
    link.persist(performance.now(), () => Promise.reject(gone())),
    { message: 'the cable was pulled' },
  );
});

test('aborted, it ends with the reason', async () => {
  const abort = new AbortController();
  const { link } = openLink([gone, gone, gone], abort.signal);
  const renewing = link.renew(soon());
  setImmediate(() => abort.abort(new Error('enough')));
  await assert.rejects(renewing, { message: 'enough' });
});
