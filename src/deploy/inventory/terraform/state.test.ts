import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseTerraformState } from './state.ts';
import type { TerraformState } from './resource.ts';

const parse = (document: unknown): TerraformState =>
  parseTerraformState(typeof document === 'string' ? document : JSON.stringify(document), 'x.json');

function refusal(document: unknown): string {
  try {
    parse(document);
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error);
    return `${String(error.code)}: ${error.message}`;
  }
  return 'nothing';
}

const v4 = (resources: unknown, more: object = {}): object => ({ version: 4, resources, ...more });
const shown = (root: unknown, more: object = {}): object => ({
  format_version: '1.0',
  values: { root_module: root, ...more },
});
const resource = (instances: unknown, more: object = {}): object => ({
  mode: 'managed',
  type: 'aws_instance',
  name: 'web',
  instances,
  ...more,
});

describe('a state of version 4', () => {
  test('has instances with their addresses, and no data sources', () => {
    const state = parse(
      v4([
        resource([{ attributes: { a: 1 } }]),
        resource(
          [
            { index_key: 0, attributes: {} },
            { index_key: 'a"b', attributes: {} },
          ],
          { module: 'module.m[1]' },
        ),
        resource([{ attributes: {} }], { mode: 'data' }),
      ]),
    );
    assert.deepEqual(
      state.resources.map(({ address, index }) => [address, index]),
      [
        ['aws_instance.web', undefined],
        ['module.m[1].aws_instance.web[0]', 0],
        ['module.m[1].aws_instance.web["a\\"b"]', 'a"b'],
      ],
    );
    assert.deepEqual(state.resources[0]?.values, { a: 1 });
  });

  test('has attributes of open type without the type', () => {
    const attributes = {
      output: { type: ['object', { ip: 'string' }], value: { ip: 'x' } },
      text: { type: 'string', value: 'y' },
      block: { type: 'gateway', value: 'z' },
      more: { type: 'string', value: 'y', extra: 1 },
    };
    assert.deepEqual(parse(v4([resource([{ attributes }])])).resources[0]?.values, {
      output: { ip: 'x' },
      text: 'y',
      block: attributes.block,
      more: attributes.more,
    });
  });

  test('knows what is sensitive, and what lies in it', () => {
    const sensitive_attributes = [
      [{ type: 'get_attr', value: 'password' }],
      [
        { type: 'get_attr', value: 'nics' },
        { type: 'index', value: { value: 1, type: 'number' } },
        { type: 'get_attr', value: 'key' },
      ],
    ];
    const [one] = parse(v4([resource([{ attributes: {}, sensitive_attributes }])])).resources;
    assert.ok(one !== undefined);
    const are = [
      ['password'],
      ['password', 0],
      ['nics', 1, 'key'],
      ['nics', 0, 'key'],
      ['nics'],
      ['name'],
    ];
    assert.deepEqual(are.map(one.isSensitive), [true, true, true, false, false, false]);
  });

  test('has no instances that are to be destroyed, and says so', () => {
    const state = parse(
      v4([
        resource([
          { deposed: 'ab12', attributes: {} },
          { status: 'tainted', attributes: {} },
        ]),
      ]),
    );
    assert.equal(state.resources.length, 1);
    assert.deepEqual(state.warnings, [
      'aws_instance.web: an instance that is to be destroyed is left out',
    ]);
  });

  test('has outputs', () => {
    const { outputs } = parse(
      v4([], {
        outputs: { a: { value: [1], type: 'x' }, b: { value: 'hunter2', sensitive: true } },
      }),
    );
    assert.deepEqual(
      [...outputs],
      [
        ['a', [1]],
        ['b', 'hunter2'],
      ],
    );
  });

  test('may be empty', () => {
    assert.deepEqual(parse({ version: 4 }).resources, []);
    assert.deepEqual(parse(v4(null)).resources, []);
    assert.deepEqual(parse('\ufeff{"version":4}').resources, []);
  });
});

describe('what "show -json" prints', () => {
  test('has instances of all modules', () => {
    const of = (name: string, more: object = {}): object => ({
      mode: 'managed',
      type: 'aws_instance',
      name,
      values: {},
      ...more,
    });
    const state = parse(
      shown({
        resources: [
          of('a', { index: 1 }),
          of('d', { mode: 'data' }),
          of('x', { deposed_key: 'ab' }),
        ],
        child_modules: [
          {
            address: 'module.m["k"]',
            resources: [of('b')],
            child_modules: [
              { address: 'module.m["k"].module.n', resources: [of('c', { index: 'z' })] },
            ],
          },
        ],
      }),
    );
    assert.deepEqual(
      state.resources.map(({ address }) => address),
      [
        'aws_instance.a[1]',
        'module.m["k"].aws_instance.b',
        'module.m["k"].module.n.aws_instance.c["z"]',
      ],
    );
    assert.equal(state.warnings.length, 1);
  });

  test('knows what is sensitive', () => {
    const sensitive_values = { password: true, nics: [{}, { key: true }] };
    const one = { mode: 'managed', type: 't', name: 'n', values: {}, sensitive_values };
    const [found] = parse(shown({ resources: [one] })).resources;
    const are = [
      ['password'],
      ['password', 0],
      ['nics', 1, 'key'],
      ['nics', 0, 'key'],
      ['name'],
      ['toString'],
    ];
    assert.deepEqual(
      are.map((at) => found?.isSensitive(at)),
      [true, true, true, false, false, false],
    );
  });

  test('is empty where there is no state', () => {
    assert.deepEqual(parse({ format_version: '1.0' }).resources, []);
    assert.deepEqual(parse(shown({})).resources, []);
  });
});

const refused: readonly (readonly [unknown, string])[] = [
  ['', 'corrupt: cannot read "x.json": it is empty'],
  ['  \n', 'corrupt: cannot read "x.json": it is empty'],
  [
    '{"version":4,\n"a":hunter2}',
    'corrupt: cannot read "x.json": it is not JSON, line 2, column 5',
  ],
  ['{"version":4', 'corrupt: cannot read "x.json": it is not JSON'],
  ['[]', 'corrupt: cannot read "x.json": it is not an object'],
  ['"hunter2"', 'corrupt: cannot read "x.json": it is not an object'],
  [
    {},
    'corrupt: cannot read "x.json": it is neither a state of Terraform nor what "terraform show -json" prints',
  ],
  [{ version: 3 }, 'unsupported: cannot read "x.json": it is a state of version 3'],
  [
    { format_version: '2.0' },
    'unsupported: cannot read "x.json": it is a format 2.0 of "show -json"',
  ],
  [
    { format_version: '1.2', planned_values: {} },
    'unsupported: cannot read "x.json": it is a plan, not a state',
  ],
  [{ serial: 1, encrypted_data: 'x' }, 'unsupported: cannot read "x.json": it is encrypted'],
  [v4({}), 'corrupt: cannot read "x.json": resources is not a list'],
  [v4([3]), 'corrupt: cannot read "x.json": resources[0] is not an object'],
  [
    v4([{ mode: 'managed', name: 'x' }]),
    'corrupt: cannot read "x.json": resources[0].type is missing',
  ],
  [
    v4([resource([], { type: 'a b' })]),
    'corrupt: cannot read "x.json": resources[0].type is not a name',
  ],
  [
    v4([resource([], { name: '\u001b[31m' })]),
    'corrupt: cannot read "x.json": resources[0].name is not a name',
  ],
  [
    v4([resource([], { module: 'a\nb' })]),
    'corrupt: cannot read "x.json": resources[0].module is not the address of a module',
  ],
  [
    v4([resource('hunter2')]),
    'corrupt: cannot read "x.json": resources[0].instances is not a list',
  ],
  [
    v4([resource([{ index_key: 1e300 }])]),
    'corrupt: cannot read "x.json": resources[0].instances[0].index_key is not an index',
  ],
  [
    v4([resource([{ index_key: -1 }])]),
    'corrupt: cannot read "x.json": resources[0].instances[0].index_key is not an index',
  ],
  [
    v4([resource([{ index_key: {} }])]),
    'corrupt: cannot read "x.json": resources[0].instances[0].index_key is not an index',
  ],
  [
    v4([resource([{ attributes: [] }])]),
    'corrupt: cannot read "x.json": resources[0].instances[0].attributes is not an object',
  ],
  [
    v4([], { outputs: { a: 'hunter2' } }),
    'corrupt: cannot read "x.json": outputs.a is not an object',
  ],
  [
    shown({ resources: {} }),
    'corrupt: cannot read "x.json": values.root_module.resources is not a list',
  ],
  [
    shown({ child_modules: [{ resources: [{ mode: 'managed', type: 'x' }] }] }),
    'corrupt: cannot read "x.json": values.root_module.child_modules[0].resources[0].name is missing',
  ],
  [
    shown({}, { outputs: { a: 'hunter2' } }),
    'corrupt: cannot read "x.json": values.outputs.a is not an object',
  ],
];

for (const [document, what] of refused) {
  const text = typeof document === 'string' ? document : JSON.stringify(document);
  test(`refused: ${JSON.stringify(text)}`, () => {
    const said = refusal(document);
    assert.ok(said.startsWith(what), said);
    assert.doesNotMatch(said, /hunter2/);
  });
}

describe('hostile documents', () => {
  test('nested without end', () => {
    const depth = 200_000;
    assert.match(refusal('['.repeat(depth)), /it is not JSON/);
    assert.match(refusal('['.repeat(depth) + ']'.repeat(depth)), /it is not an object/);
    const deep = '{"a":'.repeat(depth) + '1' + '}'.repeat(depth);
    assert.equal(
      parse(
        `{"version":4,"resources":[{"mode":"managed","type":"t","name":"n","instances":[{"attributes":${deep}}]}]}`,
      ).resources.length,
      1,
    );
    const modules = '{"child_modules":['.repeat(1000) + ']}'.repeat(1000);
    assert.match(
      refusal(`{"format_version":"1.0","values":{"root_module":${modules}}}`),
      /nested more than 100 deep/,
    );
  });

  test('with the keys of every object', () => {
    const state = parse(
      '{"__proto__":{"version":4},"version":4,"outputs":{"__proto__":{"value":1},"constructor":{"value":2}}}',
    );
    assert.deepEqual(
      [...state.outputs],
      [
        ['__proto__', 1],
        ['constructor', 2],
      ],
    );
    assert.match(refusal('{"__proto__":{"version":4}}'), /neither a state/);
  });
});
