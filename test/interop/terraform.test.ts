/**
 * Inventories out of what a real Terraform or OpenTofu writes, where there is one. Its built-in resource needs no provider
 * and no network.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { after, test } from 'node:test';
import { ferryBin } from '../support/ferry-program.ts';
import { findProgram } from '../support/peers.ts';
import { run, runOk } from '../support/run.ts';
import { makeTempDirectory } from '../support/temp.ts';

const temp = makeTempDirectory();
after(() => temp[Symbol.dispose]());

const CONFIGURATION = `
variable "password" {
  default   = "hunter2"
  sensitive = true
}
resource "terraform_data" "server" {
  count = 2
  input = {
    public_ip = "203.0.113.\${count.index + 1}"
    name      = "web-\${count.index}"
    labels    = { role = "web" }
    password  = var.password
  }
}
module "db" {
  source = "./db"
}
output "addresses" {
  value     = terraform_data.server[*].output.public_ip
  sensitive = true
}
`;
const MODULE = `
resource "terraform_data" "node" {
  for_each = { eu = "2001:db8::1", us = "db.example.org" }
  input    = { address = each.value }
}
`;
const STATED = `
output "ferry_hosts" {
  value = {
    web = { address = "203.0.113.9", user = "root", tags = ["front"] }
    db  = { address = "203.0.113.10", user = null, tags = [] }
  }
}
`;
const RULES = `
[terraform]
path = "."
[terraform.rules.terraform_data]
address = ["output.public_ip", "output.address"]
name = "output.name"
tags = "output.labels"
`;

interface Listed {
  readonly hosts: readonly {
    readonly name: string;
    readonly uri: string;
    readonly tags: readonly string[];
  }[];
}

for (const program of ['terraform', 'tofu']) {
  const path = findProgram(program);
  const skip = path === undefined ? `there is no ${program}` : false;

  test(`the hosts of a state that ${program} wrote`, { skip }, async () => {
    assert.ok(path !== undefined);
    const dir = temp.join(program);
    const env = {
      PATH: `${dirname(path)}:/usr/bin:/bin`,
      HOME: temp.path,
      CHECKPOINT_DISABLE: '1',
      LANG: 'C.UTF-8',
    };
    const options = { cwd: dir, env };
    const write = (name: string, text: string): void => {
      mkdirSync(dirname(`${dir}/${name}`), { recursive: true });
      writeFileSync(`${dir}/${name}`, text);
    };
    const apply = async (): Promise<void> => {
      await runOk(path, ['init', '-input=false', '-no-color', '-force-copy'], options);
      await runOk(path, ['apply', '-auto-approve', '-input=false', '-no-color'], options);
    };
    const list = async (args: readonly string[], input?: string): Promise<unknown> => {
      const words = ['fleet', 'list', '--json', ...args];
      const finished = await run(ferryBin, words, { ...options, input });
      assert.equal(finished.status, 0, finished.stderr);
      assert.doesNotMatch(finished.stdout + finished.stderr, /hunter2/);
      const { hosts } = JSON.parse(finished.stdout) as Listed;
      return hosts.map(({ name, uri, tags }) => `${name} ${uri} ${tags.join(' ')}`);
    };
    write('main.tf', CONFIGURATION);
    write('db/main.tf', MODULE);
    write('ferry.toml', RULES);
    await apply();
    const expected = [
      'web-0 ssh://203.0.113.1 role=web terraform_data',
      'web-1 ssh://203.0.113.2 role=web terraform_data',
      'node-eu ssh://[2001:db8::1] terraform_data',
      'node-us ssh://db.example.org terraform_data',
    ];
    const shown = await runOk(path, ['show', '-json', '-no-color'], options);
    write('state.json', shown);
    assert.deepEqual(await list([]), expected, 'the state in the directory');
    const rules = [
      '--terraform-rule=terraform_data=output.public_ip',
      '--terraform-rule=output.addresses',
    ];
    const named = ['203.0.113.1', '203.0.113.2'].map((address) => `${address} ssh://${address} `);
    for (const where of ['.', 'terraform.tfstate', 'state.json']) {
      assert.deepEqual(await list(['--terraform', where, ...rules.slice(1)]), named, where);
    }
    assert.deepEqual(await list(['--terraform', '-', ...rules.slice(1)], shown), named);

    // The state is kept elsewhere from now on, and an old one is left behind.
    write('backend.tf', 'terraform {\n  backend "local" {\n    path = "elsewhere/state"\n  }\n}\n');
    write('hosts.tf', STATED);
    await apply();
    assert.deepEqual(await list([]), [
      'db ssh://203.0.113.10 ',
      'web ssh://root@203.0.113.9 front',
    ]);

    await runOk(path, ['destroy', '-auto-approve', '-input=false', '-no-color'], options);
    assert.deepEqual(await list([]), []);
  });
}
