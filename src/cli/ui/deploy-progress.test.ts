import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeployEvent, HostResult } from '../../deploy/events.ts';
import { FerryError } from '../../error.ts';
import type { StorePath } from '../../format/store-path.ts';
import type { CommandContext, Output } from '../context.ts';
import { Interrupted } from '../context.ts';
import { deployStatus } from './deploy-exit-status.ts';
import { showDeployment } from './deploy-progress.ts';

const glibc = `${'a'.repeat(32)}-glibc-2.40-66` as StorePath;

function result(part: Partial<HostResult>): HostResult {
  return {
    host: 'a',
    outcome: 'live',
    path: `/nix/store/${glibc}`,
    generation: 13,
    oldGeneration: 12,
    error: undefined,
    copiedPaths: 0,
    copiedBytes: 0,
    ...part,
  };
}

const events: readonly DeployEvent[] = [
  { host: 'a', type: 'phase', phase: 'connecting' },
  { host: 'a', type: 'phase', phase: 'copying' },
  { host: 'a', type: 'phase', phase: 'copying' },
  { host: 'a', type: 'copy', event: { type: 'start', paths: 1, narSize: 100 } },
  { host: 'a', type: 'copy', event: { type: 'path-start', path: glibc, narSize: 100 } },
  { host: 'a', type: 'copy', event: { type: 'path-bytes', path: glibc, bytes: 60 } },
  { host: 'a', type: 'copy', event: { type: 'path-bytes', path: glibc, bytes: 40 } },
  { host: 'a', type: 'copy', event: { type: 'path-done', path: glibc } },
  { host: 'a', type: 'phase', phase: 'copied' },
  { host: 'a', type: 'phase', phase: 'activating' },
  { host: 'a', type: 'line', line: 'setting up /etc...' },
  { host: 'a', type: 'warning', message: 'it is late' },
  { host: 'a', type: 'ended', result: result({}) },
];

const failed = new FerryError('conflict', 'cannot activate on "b": ended with status 4', {
  hint: 'look into its journal',
});
const rolledBack: DeployEvent = {
  host: 'b',
  type: 'ended',
  result: result({ host: 'b', outcome: 'rolled-back', generation: 12, error: failed }),
};

/** What is written by a deployment of these events, and what of it goes to stdout. */
async function play(
  some: readonly DeployEvent[],
  how: { readonly talk?: 'people' | 'json'; readonly verbosity?: number; readonly live?: boolean },
): Promise<{ stdout: string; stderr: string }> {
  const written = { stdout: '', stderr: '' };
  const output = (name: 'stdout' | 'stderr'): Output => ({
    isTerminal: how.live === true,
    hasColours: false,
    width: () => 60,
    height: () => 10,
    async write(data) {
      written[name] += String(data);
    },
  });
  const context: Partial<CommandContext> = {
    stdout: output('stdout'),
    stderr: output('stderr'),
    env: { variables: { TERM: 'xterm' } } as unknown as CommandContext['env'],
    verbosity: how.verbosity ?? 0,
  };
  const scene = { talk: how.talk ?? 'people', hosts: ['a', 'b'] } as const;
  const view = showDeployment(context as CommandContext, scene);
  for (const event of some) view.onEvent(event);
  view.print('talk');
  await view.finish();
  return written;
}

test('without a terminal there is a line for each thing that happens, the host first, none twice', async () => {
  const { stdout, stderr } = await play([...events, rolledBack], {});
  assert.equal(stdout, '');
  assert.deepEqual(stderr.replaceAll(/\d+\.\d s/g, 'TIME').split('\n'), [
    'a: connecting',
    'a: copying',
    'a: activating',
    'a │ setting up /etc...',
    'a: warning: it is late',
    'a: live, generation 12 → 13',
    'b: rolled back: cannot activate on "b": ended with status 4',
    'talk',
    'host  outcome      generation   time',
    'a     live         12 → 13     TIME',
    'b     rolled back  12          TIME',
    '',
    'b:',
    '  error: cannot activate on "b": ended with status 4',
    '  hint: look into its journal',
    '',
    'live 1/2, rolled back 1 in TIME',
    '',
  ]);
});

test('with -v it says what is copied, with --quiet only what went wrong', async () => {
  const { stderr } = await play(events, { verbosity: 1 });
  assert.match(stderr, /^a: 1 path, 100 B to copy\na: copying glibc-2\.40-66$/m);
  assert.equal((await play(events, { verbosity: -1 })).stderr, '');
  const quiet = await play([...events, rolledBack], { verbosity: -1 });
  assert.match(quiet.stderr, /^b:\n {2}error: cannot activate on "b".*\n {2}hint: .*\n$/);
});

test('on a terminal the lines of hosts stay above, and the summary is all there is after them', async () => {
  const { stderr } = await play(events, { live: true });
  const stays = stderr.replaceAll(/\d+\.\d s/g, 'TIME').split('\n');
  assert.deepEqual(stays.slice(0, 3), [
    'a │ setting up /etc...',
    'a │ warning: it is late',
    'talk',
  ]);
  assert.ok(stays.includes('a     live       12 → 13     TIME'), stderr);
  assert.ok(stays.includes('b     not begun'), stderr);
});

test('as JSON each event is a line, bytes are gathered, and the last one counts the hosts', async () => {
  const { stdout, stderr } = await play([...events, rolledBack], { talk: 'json' });
  assert.equal(stderr, 'talk\n');
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(lines[0], { type: 'start', version: 1, hosts: ['a', 'b'] });
  const bytes = lines.filter(({ event }) => (event as { type?: string })?.type === 'path-bytes');
  assert.deepEqual(bytes, [
    {
      type: 'copy',
      host: 'a',
      event: { type: 'path-bytes', path: `/nix/store/${glibc}`, bytes: 100 },
    },
  ]);
  assert.deepEqual(lines.at(-2), {
    type: 'ended',
    host: 'b',
    outcome: 'rolled-back',
    path: `/nix/store/${glibc}`,
    generation: 12,
    oldGeneration: 12,
    error: { code: 'conflict', message: failed.message, hint: 'look into its journal' },
    copiedPaths: 0,
    copiedBytes: 0,
  });
  assert.deepEqual(lines.at(-1), {
    type: 'done',
    version: 1,
    hosts: { a: 'live', b: 'rolled-back' },
    live: 1,
    unchanged: 0,
    atNextBoot: 0,
    done: 0,
    rolledBack: 1,
    unreachable: 0,
    refused: 0,
    failed: 0,
    skipped: 0,
    unknown: 0,
    unfinished: 0,
    status: 6,
  });
});

test('JSON says of hosts that came to no end that they did not', async () => {
  const { stdout } = await play(events, { talk: 'json' });
  const last = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;
  assert.deepEqual(last['hosts'], { a: 'live', b: 'unfinished' });
  assert.equal(last['unfinished'], 1);
  assert.equal(last['status'], null);
});

test('the exit status never says success for what did not succeed', () => {
  const live = result({});
  const back = result({ outcome: 'rolled-back', error: failed });
  const dead = result({ outcome: 'unreachable', error: new FerryError('unavailable', 'gone') });
  const full = result({ outcome: 'failed', error: new FerryError('no-space', 'full') });
  const skipped = result({ outcome: 'skipped' });
  const stopped = result({ outcome: 'skipped', error: new Interrupted('SIGINT', 2) });
  const lost = result({ outcome: 'unknown' });
  const cases: readonly (readonly [readonly HostResult[], number])[] = [
    [[live], 0],
    [[live, result({ outcome: 'unchanged' }), result({ outcome: 'done' })], 0],
    [[result({ outcome: 'at-next-boot' })], 0],
    [[], 0],
    [[back], 7],
    [[back, back, skipped], 7],
    [[live, back], 6],
    [[live, skipped], 6],
    [[dead], 4],
    [[dead, dead, skipped], 4],
    [[full], 5],
    [[dead, full], 1],
    [[dead, back], 1],
    [[lost], 1],
    [[skipped], 1],
    [[stopped, stopped], 130],
    [[result({ outcome: 'failed', error: new TypeError('oops') })], 70],
  ];
  for (const [results, status] of cases) {
    const outcomes = results.map(({ outcome }) => outcome).join();
    assert.equal(deployStatus(results), status, outcomes);
  }
});
