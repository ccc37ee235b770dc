/** Every example in a doc comment or in the documents runs, and prints what it says. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);
const doors: Record<string, string> = { 'nix-ferry': 'index.ts' };

interface Example {
  readonly where: string;
  readonly code: string;
  /** What the lines that print say in a comment at their end. */
  readonly wanted: readonly string[];
}

function examplesIn(file: string): Example[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/^( \* |)```ts\n([\s\S]*?)^\1```/gm)].map((match, i) => {
    const code = (match[2] ?? '').replace(/^ \* ?/gm, '');
    const wanted = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(
      (line) => line[1] ?? '',
    );
    return { where: `${file}, example ${i + 1}`, code, wanted };
  });
}

const examples = globSync(['src/**/*.ts', 'README.md', 'docs/*.md'], { cwd: root })
  .sort()
  .flatMap(examplesIn);

test('there are examples', () => {
  assert.ok(examples.length >= 4, `${examples.length} found`);
});

for (const { where, code, wanted } of examples) {
  test(where, async () => {
    const dir = mkdtempSync(join(tmpdir(), 'ferry-example-'));
    try {
      const resolved = code.replace(
        /from '(nix-ferry(?:\/(\w+))?)'/g,
        (_, name: string, door?: string) =>
          `from '${join(root, 'src', doors[name] ?? `doors/${door}.ts`)}'`,
      );
      const file = join(dir, 'example.ts');
      writeFileSync(file, resolved);
      const { stdout } = await run(process.execPath, [file], { cwd: dir, timeout: 30_000 });
      assert.deepEqual(
        stdout.split('\n').filter((line) => line !== ''),
        wanted,
      );
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
}
