import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { makeTempDirectory } from '../../../test/support/temp.ts';
import { readEnvironment, type Environment } from '../../config/environment.ts';
import { findSshConfigHosts, sshConfigNames } from './ssh-config-hosts.ts';

const temp = makeTempDirectory();
after(() => temp[Symbol.dispose]());
const home = temp.join('home');
mkdirSync(temp.join('home/.ssh/parts'), { recursive: true });
const systemFile = temp.join('ssh_config');
writeFileSync(systemFile, '');

function environment(variables: Readonly<Record<string, string>> = {}): Environment {
  return readEnvironment({ HOME: home, ...variables });
}

function names(text: string, variables: Readonly<Record<string, string>> = {}): string[] {
  writeFileSync(temp.join('home/.ssh/config'), text);
  return [...sshConfigNames(environment(variables), { systemFile }).keys()];
}

test('names of Host lines that are no patterns', () => {
  const text = `
# Host commented
Host web-1 web-2 # Host trailing
  HostName 10.0.0.7
host=db
HOST "quoted" 'single'
Host *.example.org !not bastion?
Host alice@x -oProxyCommand=x a;b
Match host other
  User x
Host=    spaced\t tabbed
`;
  assert.deepEqual(names(text), ['web-1', 'web-2', 'db', 'quoted', 'spaced', 'tabbed']);
});

test('the file of the system counts after that of the user', () => {
  writeFileSync(systemFile, 'Host system mine\nInclude parts/x\n');
  assert.deepEqual(names('Host mine\n'), ['mine', 'system']);
  const files = sshConfigNames(environment(), { systemFile });
  assert.deepEqual([...files.values()], [`${home}/.ssh/config`, systemFile]);
  writeFileSync(systemFile, '');
});

test('files that are included, by patterns too', () => {
  writeFileSync(temp.join('home/.ssh/parts/a.conf'), 'Host part-a\n');
  writeFileSync(temp.join('home/.ssh/parts/b.conf'), 'Host part-b\nInclude parts/c.conf\n');
  writeFileSync(temp.join('home/extra'), 'Host extra\n');
  assert.deepEqual(names('Include parts/*.conf\nHost own\nInclude ~/extra none\n'), [
    'part-a',
    'part-b',
    'own',
    'extra',
  ]);
  assert.deepEqual(names('Include "${WHERE}/extra"', { WHERE: home }), ['extra']);
});

test('files that include each other end', () => {
  assert.throws(() => names('Include config\n'), {
    code: 'usage',
    message: `cannot read "${home}/.ssh/config": too many files include each other`,
  });
});

test('-F in NIX_SSHOPTS is the only file', () => {
  writeFileSync(temp.join('other'), 'Host only\nInclude parts/a.conf\n');
  const text = 'Host mine\n';
  assert.deepEqual(names(text, { NIX_SSHOPTS: `-v -F ${temp.join('other')}` }), ['only', 'part-a']);
  assert.deepEqual(names(text, { NIX_SSHOPTS: `-F${temp.join('other')}` }), ['only', 'part-a']);
  assert.deepEqual(names(text, { NIX_SSHOPTS: '-F none' }), []);
});

test('hosts are those that match, and how they are reached is for ssh to say', () => {
  names('Host web-1 web-2 db-1\n');
  const host = (name: string): unknown => ({
    name,
    origin: 'ssh_config: ~/.ssh/config',
    source: 'ssh_config',
    config: { address: name },
  });
  assert.deepEqual(findSshConfigHosts(['web-*', 'web-1'], environment(), { systemFile }), [
    host('web-1'),
    host('web-2'),
  ]);
});

test('this machine is meant by its name alone', () => {
  names('Host localhost lo\n');
  const found = (pattern: string): string[] =>
    findSshConfigHosts([pattern], environment(), { systemFile }).map(({ name }) => name);
  assert.deepEqual(found('lo*'), ['lo']);
  assert.deepEqual(found('localhost'), ['localhost']);
});

test('a pattern that no host matches is an error that says what there is', () => {
  names('Host web-1 web-2 db-1\n');
  assert.throws(() => findSshConfigHosts(['x-*'], environment(), { systemFile }), {
    code: 'not-found',
    message: 'no host of ssh_config matches "x-*"',
    hint: 'it has web-1, web-2, db-1',
  });
  assert.throws(() => findSshConfigHosts(['web-3'], environment(), { systemFile }), {
    hint: 'did you mean "web-1"?',
  });
  names('');
  assert.throws(() => findSshConfigHosts(['*'], environment(), { systemFile }), {
    hint: 'there is no Host line with a name in it',
  });
});
