import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CopyEvent } from '../../copy/events.ts';
import type { DeployOutcome, DeployPhase, HostResult } from '../../deploy/events.ts';
import { FerryError } from '../../error.ts';
import type { StorePath } from '../../format/store-path.ts';
import { deployLines } from './deploy-lines.ts';
import { copyTotals, startDeployState, takeDeployEvent, type DeployState } from './deploy-state.ts';
import { deployProblems, deploySummary } from './deploy-summary.ts';
import { displayWidth } from './display-width.ts';

const glibc = `${'a'.repeat(32)}-glibc-2.40-66` as StorePath;
const paint = (_look: unknown, text: string): string => text;

class Scene {
  readonly state: DeployState;

  constructor(...hosts: readonly string[]) {
    this.state = startDeployState(hosts, 0);
  }

  phase(host: string, phase: DeployPhase, now: number): void {
    takeDeployEvent(this.state, { type: 'phase', host, phase }, now);
  }

  copy(host: string, event: CopyEvent, now: number): void {
    takeDeployEvent(this.state, { type: 'copy', host, event }, now);
  }

  line(host: string, line: string): void {
    takeDeployEvent(this.state, { type: 'line', host, line }, 0);
  }

  end(host: string, outcome: DeployOutcome, part: Partial<HostResult> = {}, now = 9000): void {
    const result = {
      host,
      outcome,
      path: undefined,
      generation: undefined,
      oldGeneration: undefined,
      error: undefined,
      copiedPaths: 0,
      copiedBytes: 0,
      ...part,
    };
    takeDeployEvent(this.state, { type: 'ended', host, result }, now);
  }

  /** Sends for four seconds, a MiB each. */
  send(host: string): void {
    this.phase(host, 'copying', 1000);
    this.copy(host, { type: 'start', paths: 1, narSize: 8 << 20 }, 1000);
    this.copy(host, { type: 'path-start', path: glibc, narSize: 8 << 20 }, 1000);
    for (let now = 1250; now <= 5000; now += 250) {
      this.copy(host, { type: 'path-bytes', path: glibc, bytes: 1 << 18 }, now);
    }
  }

  show(width: number, height = 24, now = 5000): string[] {
    return deployLines(this.state, { width, height, now, paint });
  }

  summary(width: number): string[] {
    return deploySummary(this.state, { width, now: 12_000, paint, verbosity: 0 });
  }
}

function busy(): Scene {
  const scene = new Scene('web1', 'web2', 'db', 'backup', 'mail');
  for (const host of ['web1', 'web2', 'db', 'backup']) scene.phase(host, 'connecting', 500);
  scene.send('web1');
  scene.end('web2', 'live', { generation: 13, oldGeneration: 12 }, 4500);
  const error = new FerryError('unavailable', 'cannot reach "ssh://db": connection refused');
  scene.end('db', 'refused', { error }, 700);
  scene.phase('backup', 'activating', 3000);
  return scene;
}

test('a line for each host in the order of the inventory, and one of totals', () => {
  assert.deepEqual(busy().show(100), [
    'web1    copying        0:04  [##########..........]  50% of    8 MiB     1 MiB/s',
    'web2    live           0:04  generation 12 → 13',
    'db      refused        0:00  cannot reach "ssh://db": connection refused',
    'backup  activating     0:02',
    'mail    waiting',
    'live 1/5, refused 1, 4 MiB of 8 MiB, 1 MiB/s',
  ]);
});

test('on a narrow terminal the time goes first, then the figures', () => {
  assert.deepEqual(busy().show(60), [
    'web1    copying        0:04  [######......]  50% of    8 MiB',
    'web2    live           0:04  generation 12 → 13',
    'db      refused        0:00  cannot reach "ssh://db": conne…',
    'backup  activating     0:02',
    'mail    waiting',
    'live 1/5, refused 1, 4 MiB of 8 MiB, 1 MiB/s',
  ]);
  assert.deepEqual(busy().show(40), [
    'web1    copying       [#####......]  50%',
    'web2    live          generation 12 → 13',
    'db      refused       cannot reach "ssh…',
    'backup  activating',
    'mail    waiting',
    'live 1/5, refused 1, 4 MiB of 8 MiB',
  ]);
});

test('no line is wider than the terminal and there are no more than it has, whatever its size', () => {
  const scene = new Scene('データベース', ...Array.from({ length: 30 }, (_, n) => `web${n}`));
  scene.send('データベース');
  scene.end('web3', 'rolled-back', { error: new Error('長い理由 '.repeat(40)) });
  for (let width = 1; width <= 160; width++) {
    for (const line of scene.show(width)) {
      assert.ok(displayWidth(line) <= width, `${width} columns: "${line}"`);
    }
  }
  for (let height = 3; height < 40; height++) {
    assert.ok(scene.show(80, height).length <= height - 1, `${height} lines`);
  }
});

test('where not all hosts have room, those that move and those that failed are shown', () => {
  const scene = new Scene(...Array.from({ length: 100 }, (_, n) => `h${n}`));
  for (let n = 0; n < 90; n++) scene.end(`h${n}`, 'unchanged');
  scene.phase('h95', 'activating', 1000);
  scene.phase('h97', 'connecting', 1000);
  scene.end('h5', 'unknown', { error: new Error('gone') });
  assert.deepEqual(scene.show(80, 8), [
    'h5   unknown        0:00  ferry made a mistake: gone',
    'h90  waiting',
    'h95  activating     0:04',
    'h97  connecting     0:04',
    'and 96 more: 89 unchanged, 7 waiting',
    'live 0/100, unchanged 89, unknown 1',
  ]);
});

test('where nothing had to be done, that is what is counted in the end', () => {
  const scene = new Scene('a', 'b');
  scene.end('a', 'unchanged');
  assert.equal(scene.show(80, 8).at(-1), 'live 0/2, unchanged 1');
  scene.end('b', 'unchanged');
  assert.equal(scene.show(80, 8).at(-1), 'unchanged 2/2');
});

test('no time left is told before it is known of every host', () => {
  const scene = new Scene('a', 'b');
  scene.send('a');
  assert.equal(copyTotals(scene.state, 5000).leftMs, undefined);
  scene.send('b');
  assert.equal(Math.round((copyTotals(scene.state, 5000).leftMs ?? 0) / 1000), 4);
  scene.copy('b', { type: 'path-done', path: glibc }, 5000);
  scene.phase('b', 'copied', 5000);
  assert.match(scene.show(80).at(-1) ?? '', /, 4 s left to copy$/);
});

test('what is copied after the closure adds to the total, and of who gave up nothing more comes', () => {
  const scene = new Scene('a');
  scene.send('a');
  scene.copy('a', { type: 'path-done', path: glibc }, 5000);
  scene.copy('a', { type: 'start', paths: 1, narSize: 1 << 20 }, 5000);
  const { doneBytes, totalBytes } = copyTotals(scene.state, 5000);
  assert.deepEqual([doneBytes, totalBytes], [8 << 20, 9 << 20]);
  scene.end('a', 'failed');
  assert.equal(copyTotals(scene.state, 6000).totalBytes, 8 << 20);
});

test('nothing that a host says steers the terminal', () => {
  const scene = new Scene('evil\u001b[2J\nname');
  scene.end('evil\u001b[2J\nname', 'failed', {
    error: new FerryError('denied', 'no\u001b[2J\n\tway'),
  });
  scene.line('evil\u001b[2J\nname', 'a\u001b]0;title\u0007b\u0008');
  const all = [...scene.show(80), ...scene.summary(80)];
  assert.doesNotMatch(all.join('|'), /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
});

test('the summary has a line for each host, and what went wrong once', () => {
  const scene = new Scene('web1', 'web2', 'db1', 'db2');
  const copied = { copiedPaths: 12, copiedBytes: 36 << 20 };
  scene.phase('web1', 'connecting', 1000);
  scene.end('web1', 'live', { generation: 13, oldGeneration: 12, ...copied });
  scene.end('web2', 'unchanged', { generation: 13 });
  for (const host of ['db1', 'db2']) {
    scene.line(host, `starting on ${host}`);
    const error = new FerryError('conflict', `cannot activate on "${host}": ended with status 4`, {
      hint: `look there: ssh ${host}`,
    });
    scene.end(host, 'rolled-back', { generation: 7, oldGeneration: 6, error, ...copied });
  }
  assert.deepEqual(scene.summary(80), [
    'host  outcome      generation  copied             time',
    'web1  live         12 → 13     12 paths, 36 MiB  8.0 s',
    'web2  unchanged    13                            0.0 s',
    'db1   rolled back  7           12 paths, 36 MiB  9.0 s',
    'db2   rolled back  7           12 paths, 36 MiB  9.0 s',
    '',
    'db1, db2:',
    '  error: cannot activate on "HOST": ended with status 4',
    '  hint: look there: ssh HOST',
    '  │ starting on db1',
    '',
    'live 1/4, unchanged 1, rolled back 2 in 12 s',
  ]);
  assert.equal(scene.summary(40)[0], 'host  outcome      generation   time');
});

test('one host is told by its own name, and with --quiet only what went wrong', () => {
  const scene = new Scene('a', 'b');
  scene.end('a', 'live', { generation: 1 });
  scene.end('b', 'failed', { error: new FerryError('no-space', 'cannot copy to "b": it is full') });
  const options = { width: 80, now: 0, paint, verbosity: 0 };
  assert.deepEqual(deployProblems(scene.state, options), [
    'b:',
    '  error: cannot copy to "b": it is full',
  ]);
});

test('of a large fleet those that are well are counted', () => {
  const scene = new Scene(...Array.from({ length: 500 }, (_, n) => `h${n}`));
  for (let n = 0; n < 498; n++)
    scene.end(`h${n}`, 'live', { copiedPaths: 1, copiedBytes: 1 << 20 });
  const error = new FerryError('unavailable', 'cannot reach "ssh://root@10.0.0.7:2222": timed out');
  scene.end('h498', 'refused', { error });
  assert.deepEqual(scene.summary(80), [
    'host       outcome    copied               time',
    '498 hosts  live       498 paths, 498 MiB  0.0 s',
    'h498       refused                        0.0 s',
    'h499       not begun',
    '',
    'h498:',
    '  error: cannot reach "ssh://root@10.0.0.7:2222": timed out',
    '',
    'live 498/500, refused 1 in 12 s',
  ]);
});

test('nothing is summed up where nothing began', () => {
  assert.deepEqual(new Scene('a', 'b').summary(80), []);
});
