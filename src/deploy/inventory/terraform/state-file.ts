/** The file of a state, version 4, as Terraform writes it since 0.12 and OpenTofu after it. */
import {
  entry,
  identifier,
  instanceIndex,
  list,
  moduleAddress,
  outputsOf,
  record,
  resourceAddress,
  type Reading,
} from './reading.ts';
import type { TerraformResource, TerraformState } from './resource.ts';

type Parts = Pick<TerraformState, 'resources' | 'outputs'>;

/** @throws FerryError `corrupt` */
export function readStateFile(reading: Reading, document: object): Parts {
  const resources = list(reading, entry(document, 'resources'), 'resources').flatMap((value, i) =>
    resourcesOf(reading, value, `resources[${i}]`),
  );
  const outputs = outputsOf(reading, entry(document, 'outputs'), 'outputs');
  return { resources, outputs };
}

function resourcesOf(reading: Reading, value: unknown, at: string): TerraformResource[] {
  const resource = record(reading, value, at);
  if (entry(resource, 'mode') !== 'managed') return [];
  const type = identifier(reading, entry(resource, 'type'), `${at}.type`);
  const name = identifier(reading, entry(resource, 'name'), `${at}.name`);
  const module = moduleAddress(reading, entry(resource, 'module'), `${at}.module`);
  return list(reading, entry(resource, 'instances'), `${at}.instances`).flatMap((value, i) => {
    const here = `${at}.instances[${i}]`;
    const instance = record(reading, value, here);
    const index = instanceIndex(reading, entry(instance, 'index_key'), `${here}.index_key`);
    const address = resourceAddress(module, type, name, index);
    if (entry(instance, 'deposed') !== undefined) {
      reading.warn(`${address}: an instance that is to be destroyed is left out`);
      return [];
    }
    const attributes = record(reading, entry(instance, 'attributes') ?? {}, `${here}.attributes`);
    const values = Object.fromEntries(
      Object.entries(attributes).map(([key, value]) => [key, withoutType(value)]),
    );
    const marks = list(
      reading,
      entry(instance, 'sensitive_attributes'),
      `${here}.sensitive_attributes`,
    );
    const sensitive = marks.map(stepsOf);
    return [
      {
        address,
        module,
        type,
        name,
        index,
        values,
        isSensitive: (path) => sensitive.some((mark) => leadsTo(mark, path)),
      },
    ];
  });
}

/** An attribute whose type the provider leaves open has it beside its value. */
function withoutType(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 2) return value;
  const type = entry(value, 'type');
  const kind: unknown = Array.isArray(type) ? type[0] : type;
  return typeof kind === 'string' && TYPES.includes(kind) && Object.hasOwn(value, 'value')
    ? entry(value, 'value')
    : value;
}

const TYPES: readonly string[] = [
  'string',
  'number',
  'bool',
  'dynamic',
  'list',
  'set',
  'map',
  'object',
  'tuple',
];

type Mark = readonly (string | number)[];

/** A path as Terraform writes it: `get_attr` with a name, `index` with a value of its own. One that isn't marks all. */
function stepsOf(path: unknown): Mark {
  if (!Array.isArray(path)) return [];
  const steps: (string | number)[] = [];
  for (const step of path as readonly unknown[]) {
    const value = typeof step === 'object' && step !== null ? entry(step, 'value') : undefined;
    const key = typeof value === 'object' && value !== null ? entry(value, 'value') : value;
    if (typeof key !== 'string' && typeof key !== 'number') break;
    steps.push(key);
  }
  return steps;
}

function leadsTo(mark: Mark, path: readonly (string | number)[]): boolean {
  return mark.length <= path.length && mark.every((step, i) => String(step) === String(path[i]));
}
