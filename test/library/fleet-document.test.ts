/** What docs/fleet.md shows is what ferry takes, and its table of resources is the one that ferry goes by. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { makeTempDirectory } from '../support/temp.ts';
import { makeInventory, type Inventory } from '../../src/deploy/inventory/inventory.ts';
import type { FleetConfig } from '../../src/deploy/inventory/define-fleet.ts';
import { loadConfigModule } from '../../src/deploy/inventory/load-config-module.ts';
import { parseFleetToml } from '../../src/deploy/inventory/read-toml.ts';
import { makeRules } from '../../src/deploy/inventory/terraform/rules.ts';

const temp = makeTempDirectory();
after(() => temp[Symbol.dispose]());
const text = readFileSync(new URL('../../docs/fleet.md', import.meta.url), 'utf8');

function blocks(language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(
    (match) => match[1] ?? '',
  );
}

function inventoryOf(config: FleetConfig): Inventory {
  const found = [
    { name: 'bastion', origin: 'Terraform', source: 'Terraform', config: { address: '192.0.2.1' } },
  ];
  const parts = { configName: 'ferry.toml', uris: [], overrides: {} };
  return makeInventory({ config, found: config.terraform === undefined ? [] : found, ...parts });
}

const tomls = blocks('toml');

test('there are examples', () => {
  assert.ok(tomls.length >= 3 && blocks('ts').length >= 1);
});

for (const [i, toml] of tomls.entries()) {
  test(`example ${i + 1} in TOML is a fleet with hosts`, () => {
    const config = parseFleetToml(toml, 'ferry.toml');
    assert.ok(inventoryOf(config).hosts.size > 0);
    assert.ok(makeRules([config.terraform?.rules ?? {}]).types.size > 0);
  });
}

for (const [i, code] of blocks('ts').entries()) {
  test(`example ${i + 1} in TypeScript is a fleet with hosts`, async () => {
    const file = temp.join(`example-${i}.ts`);
    writeFileSync(file, code);
    const config = await loadConfigModule(file, { name: 'ferry.config.ts' });
    const [first] = inventoryOf(config).hosts.values();
    assert.equal(first?.uri, 'ssh://root@10.0.0.7');
  });
}

test('the table of resources has those that ferry knows, with their paths', () => {
  const rows = [...text.matchAll(/^\| (`\w+`(?:, `\w+`)*) \| (`.*?) \| /gm)].filter(([, types]) =>
    types?.includes('_'),
  );
  const told = new Map(
    rows.flatMap(([, types = '', paths = '']) =>
      words(types).map((type) => [type, words(paths)] as const),
    ),
  );
  const known = makeRules([]).types;
  assert.deepEqual([...told.keys()].sort(), [...known.keys()].sort());
  for (const [type, paths] of told) {
    // Of one that has a long path for each kind of network the document shows the first.
    const whole = paths.filter((path) => path !== 'utility' && path !== 'private');
    const rule = makeRules([{ [type]: { address: whole } }]).types.get(type);
    const [told, all] = [rule, known.get(type)].map((one) => one?.address.map(({ path }) => path));
    assert.deepEqual(told, all?.slice(0, paths.length > whole.length ? 1 : undefined), type);
  }
});

function words(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
}

test('the table of fields has those that a host may have', () => {
  const fields = [...text.matchAll(/^\| ((?:`[a-z-]+`(?:, )?)+) \| /gm)].flatMap(([, cell = '']) =>
    words(cell),
  );
  const refusal = (toml: string): string => {
    try {
      parseFleetToml(toml, 'x');
      return '';
    } catch (error) {
      return String(error);
    }
  };
  for (const field of fields) {
    assert.doesNotMatch(refusal(`[hosts.a]\n${field} = []`), /has a field/, field);
  }
  const known = /which is none of (.*)/
    .exec(refusal('[hosts.a]\nxxxxxxxxxx = 1'))?.[1]
    ?.split(', ');
  assert.deepEqual(known?.toSorted(), fields.toSorted());
});
