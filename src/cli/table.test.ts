import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { commonOptions } from './common-options.ts';
import { flagOf, type Command } from './command.ts';
import { allManuals } from './manual.ts';
import { shellCompletions, shells } from './shell-completions.ts';
import { commandTable, findCommand } from './table.ts';
import { version } from './version.ts';

async function allCommands(): Promise<[string, Command][]> {
  const commands: [string, Command][] = [];
  for (const entry of commandTable) {
    if (!('commands' in entry)) {
      commands.push([entry.name, await entry.load()]);
      continue;
    }
    if (entry.fallback !== undefined) commands.push([entry.name, await entry.fallback()]);
    for (const inner of entry.commands) {
      commands.push([`${entry.name} ${inner.name}`, await inner.load()]);
    }
  }
  return commands;
}

test('the version is that of the package', () => {
  const manifest = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { version: string };
  assert.equal(version, manifest.version);
});

test('the words after a group are its command, or those of what it is alone', () => {
  const found = (...words: string[]): (string | undefined | readonly string[])[] => {
    const { title, entry, rest } = findCommand(words);
    return [title, entry?.name, rest];
  };
  assert.deepEqual(found('store', 'ls', 'x'), ['ferry store ls', 'ls', ['x']]);
  assert.deepEqual(found('store', 'x'), ['ferry store', undefined, ['x']]);
  assert.deepEqual(found('store', '-h'), ['ferry store', 'store', ['-h']]);
  assert.deepEqual(found('shell', 'list', 'x'), ['ferry shell list', 'list', ['x']]);
  for (const rest of [[], ['x', 'list'], ['--pure'], ['--', 'list']]) {
    const { title, entry, rest: others } = findCommand(['shell', ...rest]);
    assert.deepEqual([title, others], ['ferry shell', rest]);
    assert.ok(entry !== undefined && 'load' in entry);
  }
});

test('every command has an example and helps in sentences', async () => {
  for (const [name, command] of await allCommands()) {
    assert.ok(command.examples.length > 0, `${name} has no example`);
    for (const { help } of [...command.arguments, ...Object.values(command.options)]) {
      assert.match(help, /^[^A-Z].*[^.]$/, `${name}: "${help}" is no phrase`);
    }
  }
});

test('no command uses a flag or letter twice, nor one of the common ones', async () => {
  for (const [name, command] of await allCommands()) {
    const specs = Object.entries(command.options);
    if (!command.isDropIn) specs.push(...Object.entries(commonOptions));
    const flags = specs.flatMap(([key, { short }]) => [flagOf(key), ...(short ? [short] : [])]);
    assert.deepEqual(
      flags.filter((flag, i) => flags.indexOf(flag) !== i),
      [],
      name,
    );
  }
});

test('every command has a manual page, without unescaped dashes in its options', async () => {
  const manuals = await allManuals();
  const names = manuals.map(({ name }) => name);
  for (const [name] of await allCommands()) {
    assert.ok(names.includes(`ferry-${name.replace(' ', '-')}.1`), name);
  }
  for (const { name, text } of manuals) {
    assert.match(text, /^\.TH /, name);
    assert.doesNotMatch(text, /(?<!\\)--[a-z]/, name);
  }
});

test('completions know every command and option', async () => {
  for (const shell of shells) {
    const text = await shellCompletions(shell);
    for (const [name, command] of await allCommands()) {
      for (const word of name.split(' ')) assert.ok(text.includes(word), `${shell}: ${word}`);
      for (const key of Object.keys(command.options)) {
        const flag = shell === 'fish' ? ` -l ${flagOf(key).slice(2)}` : flagOf(key);
        assert.ok(text.includes(flag), `${shell}: ${name} ${flag}`);
      }
    }
  }
});
