import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LocalSecrets } from './local-secrets.ts';
import { Questions, questionsOf, wipeSecrets } from './questions.ts';

const textOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString();

test('questions stand one at a time, and an answer is good for all who ask the same', async () => {
  let open = 0;
  const asked: string[] = [];
  const questions = new Questions(async (text) => {
    assert.equal(++open, 1, 'two questions at once');
    await Promise.resolve();
    open--;
    asked.push(text);
    return `answer to ${text}`;
  });
  const answers = await Promise.all(
    ['a', 'b', 'a', 'a'].map((text) => questions.answer({ text, name: text })),
  );
  assert.deepEqual(asked, ['a', 'b']);
  assert.deepEqual(
    answers.map((answer) => [textOf(answer?.bytes), answer?.isNew]),
    [
      ['answer to a', true],
      ['answer to b', true],
      ['answer to a', false],
      ['answer to a', false],
    ],
  );
});

test('a wrong answer is asked for again, by whoever finds out first', async () => {
  let count = 0;
  const questions = new Questions(async () => `try ${++count}`);
  const first = await questions.answer({ text: 'x', name: 'x' });
  const refused = first?.serial;
  const again = await Promise.all([
    questions.answer({ text: 'x', name: 'x', refused }),
    questions.answer({ text: 'x', name: 'x', refused }),
  ]);
  assert.deepEqual(
    again.map((answer) => textOf(answer?.bytes)),
    ['try 2', 'try 2'],
  );
  assert.equal(textOf(first?.bytes), '\0'.repeat(5), 'the wrong one is wiped');
});

test('what has no name is asked each time', async () => {
  let count = 0;
  const questions = new Questions(async () => String(++count));
  for (const expected of ['1', '2']) {
    const answer = await questions.answer({ text: 'code', name: undefined });
    assert.equal(textOf(answer?.bytes), expected);
  }
});

test('where nobody is there, nothing is remembered', async () => {
  const questions = new Questions(async () => undefined);
  assert.equal(await questions.answer({ text: 'x', name: 'x' }), undefined);
  assert.equal(await questions.answer({ text: 'x', name: 'x' }), undefined);
});

test('a question that is taken back ends, and the next one is asked', async () => {
  const stop = new AbortController();
  const questions = new Questions(
    (text, { signal } = {}) =>
      new Promise((resolve, reject) => {
        if (text !== 'long') resolve('short');
        signal?.addEventListener('abort', () => reject(signal.reason));
      }),
  );
  const long = questions.answer({ text: 'long', name: 'long', signal: stop.signal });
  const waiting = questions.answer({ text: 'never', name: 'never', signal: stop.signal });
  const next = questions.answer({ text: 'next', name: 'next' });
  const reason = new Error('enough');
  stop.abort(reason);
  await assert.rejects(long, reason);
  await assert.rejects(waiting, reason);
  assert.equal(textOf((await next)?.bytes), 'short');
});

test('all hosts of a command share what was typed, until it is wiped', async () => {
  let count = 0;
  const ask = async (): Promise<string> => String(++count);
  const first = await questionsOf(ask).answer({ text: 'x', name: 'x' });
  assert.equal(questionsOf(ask), questionsOf(ask));
  wipeSecrets(ask);
  assert.deepEqual([...(first?.bytes ?? [])], [0]);
  assert.equal(textOf((await questionsOf(ask).answer({ text: 'x', name: 'x' }))?.bytes), '2');
});

test('a secret that came meanwhile stays when an older one is refused', () => {
  const secrets = new LocalSecrets();
  const old = secrets.remember('x', 'old').serial;
  secrets.remember('x', 'new');
  secrets.forget('x', old);
  assert.equal(textOf(secrets.get('x')?.bytes), 'new');
  const kept = secrets.get('x');
  secrets.wipe();
  assert.equal(secrets.get('x'), undefined);
  assert.deepEqual([...(kept?.bytes ?? [])], [0, 0, 0]);
});
