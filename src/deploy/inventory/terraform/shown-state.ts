/** What `terraform show -json` and `tofu show -json` print of a state, format 1. */
import { FerryError } from '../../../error.ts';
import { ownProperty } from './attribute-path.ts';
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

/** Modules in modules: nobody has so many. */
const DEPTH_MAX = 100;

/** @throws FerryError `corrupt` */
export function readShown(reading: Reading, document: object): Parts {
  // Without a state nothing else is printed.
  const values = record(reading, entry(document, 'values') ?? {}, 'values');
  const outputs = outputsOf(reading, entry(values, 'outputs'), 'values.outputs');
  const resources: TerraformResource[] = [];
  const root = entry(values, 'root_module');
  if (root !== undefined) takeModule(root, 'values.root_module', 0);
  return { resources, outputs };

  function takeModule(value: unknown, at: string, depth: number): void {
    if (depth > DEPTH_MAX) {
      const why = `modules are nested more than ${DEPTH_MAX} deep`;
      throw new FerryError('corrupt', `cannot read "${reading.name}": ${why}`);
    }
    const module = record(reading, value, at);
    const address = moduleAddress(reading, entry(module, 'address'), `${at}.address`);
    for (const [i, one] of list(reading, entry(module, 'resources'), `${at}.resources`).entries()) {
      resources.push(...resourceOf(reading, one, address, `${at}.resources[${i}]`));
    }
    const children = list(reading, entry(module, 'child_modules'), `${at}.child_modules`);
    for (const [i, child] of children.entries()) {
      takeModule(child, `${at}.child_modules[${i}]`, depth + 1);
    }
  }
}

function resourceOf(
  reading: Reading,
  value: unknown,
  module: string,
  at: string,
): TerraformResource[] {
  const resource = record(reading, value, at);
  if (entry(resource, 'mode') !== 'managed') return [];
  const type = identifier(reading, entry(resource, 'type'), `${at}.type`);
  const name = identifier(reading, entry(resource, 'name'), `${at}.name`);
  const index = instanceIndex(reading, entry(resource, 'index'), `${at}.index`);
  const address = resourceAddress(module, type, name, index);
  if (entry(resource, 'deposed_key') !== undefined) {
    reading.warn(`${address}: an instance that is to be destroyed is left out`);
    return [];
  }
  const values = record(reading, entry(resource, 'values') ?? {}, `${at}.values`);
  const marks = entry(resource, 'sensitive_values');
  return [
    { address, module, type, name, index, values, isSensitive: (path) => isMarked(marks, path) },
  ];
}

/** The marks have the shape of the values, with `true` where all from there on is sensitive. */
function isMarked(marks: unknown, path: readonly (string | number)[]): boolean {
  let mark = marks;
  for (const step of path) {
    if (mark === true) return true;
    mark = ownProperty(mark, step);
  }
  return mark === true;
}
