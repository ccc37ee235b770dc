/** With a shell in the place of ssh: it starts the program as ssh does, and reads what it prints. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { makeTempDirectory } from '../support/temp.ts';
import { openAskPass, type AskPassQuestion } from '../../src/system/ask-pass.ts';
import { startProcess, type RunningProcess } from '../../src/system/process.ts';

interface Asked {
  readonly questions: AskPassQuestion[];
  readonly notices: string[];
  /** Runs a script as an ssh would run, with these questions answered. */
  readonly start: (script: string) => Promise<RunningProcess>;
}

async function withAskPass(
  answer: (question: AskPassQuestion) => Promise<string | undefined>,
  work: (asked: Asked, directory: string) => Promise<void>,
): Promise<void> {
  await using temp = makeTempDirectory();
  const env = { PATH: process.env['PATH'] };
  const questions: AskPassQuestion[] = [];
  const notices: string[] = [];
  using askPass = await openAskPass({
    directory: temp.path,
    env,
    answer: async (question) => {
      questions.push(question);
      const given = await answer(question);
      return given === undefined ? undefined : Buffer.from(given);
    },
    onNotice: (text) => notices.push(text),
  });
  assert.ok(askPass !== undefined);
  const { variables } = askPass;
  await work(
    {
      questions,
      notices,
      start: (script) => startProcess('/bin/sh', ['-c', script], { env: { ...env, ...variables } }),
    },
    temp.path,
  );
}

async function outputOf(child: RunningProcess): Promise<string> {
  let text = '';
  for await (const chunk of child.readable) text += Buffer.from(chunk).toString();
  return text;
}

const ASK = '"$SSH_ASKPASS" "$question"; echo "status $?"';

test('a question reaches us whole and its answer ssh, whatever is in them', async () => {
  const question = 'The authenticity of "x" can\'t be established.\n$HOME `x` \\ ü (yes/no)? ';
  const answer = 'it\'s "$HOME" & \\n %s ü\n';
  await withAskPass(
    async () => answer,
    async ({ start, questions }, directory) => {
      const child = await start(`question='${question.replaceAll("'", "'\\''")}'; ${ASK}`);
      assert.equal(await outputOf(child), `${answer}status 0\n`);
      assert.deepEqual(
        questions.map(({ text, isConfirmation, asker }) => [text, isConfirmation, asker]),
        [[question, false, child.pid]],
      );
      // Nothing of it is left.
      assert.deepEqual(readdirSync(directory).toSorted(), ['ask', 'asked']);
    },
  );
});

test('no answer is a refusal, and an empty one is none', async () => {
  for (const [answer, said] of [
    [undefined, 'status 1\n'],
    ['', 'status 0\n'],
  ] as const) {
    await withAskPass(
      async () => answer,
      async ({ start }) => {
        assert.equal(await outputOf(await start(`question=x; ${ASK}`)), said);
      },
    );
  }
});

test('an answer that fails is a refusal', async () => {
  await withAskPass(
    async () => {
      throw new Error('enough');
    },
    async ({ start }) => {
      assert.equal(await outputOf(await start(`question=x; ${ASK}`)), 'status 1\n');
    },
  );
});

test('several may ask at once', async () => {
  await withAskPass(
    async ({ text }) => `${text}!\n`,
    async ({ start }) => {
      const children = await Promise.all(
        ['a', 'b', 'c', 'd'].map((name) => start(`question=${name}; ${ASK}`)),
      );
      const said = await Promise.all(children.map(outputOf));
      assert.deepEqual(
        said,
        ['a', 'b', 'c', 'd'].map((name) => `${name}!\nstatus 0\n`),
      );
    },
  );
});

test('what ssh only wants to tell waits for nothing', async () => {
  await withAskPass(
    async () => assert.fail('this is no question'),
    async ({ start, notices }) => {
      const child = await start('SSH_ASKPASS_PROMPT=none "$SSH_ASKPASS" "touch it" & wait');
      while (notices.length === 0) await new Promise((done) => setTimeout(done, 10));
      assert.deepEqual(notices, ['touch it']);
      // It stands until ssh takes it away.
      assert.ok(child.isRunning);
      await child.abort();
    },
  );
});

test('a question of yes or no is told apart', async () => {
  await withAskPass(
    async ({ isConfirmation }) => (isConfirmation ? '' : undefined),
    async ({ start }) => {
      const child = await start(`export SSH_ASKPASS_PROMPT=confirm; question=x; ${ASK}`);
      assert.equal(await outputOf(child), 'status 0\n');
    },
  );
});

test('when the ssh that asked is gone, the question is taken back', async () => {
  const begun = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  await withAskPass(
    async ({ signal }) => {
      begun.resolve();
      return await new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          over.resolve();
          resolve(undefined);
        });
      });
    },
    async ({ start }) => {
      const child = await start(`question=x; ${ASK}`);
      await begun.promise;
      await child.abort();
      await over.promise;
      assert.equal(child.isRunning, false);
    },
  );
});

test('where no program may be run from, there is none', async () => {
  await using temp = makeTempDirectory();
  const askPass = await openAskPass({
    directory: temp.path,
    // Without `mkfifo` it can't do its work either.
    env: { PATH: temp.path },
    answer: async () => undefined,
    onNotice: () => {},
  });
  assert.equal(askPass, undefined);
});
