/**
 * What a state of Terraform or OpenTofu has: the resources that it manages, and its outputs. Two shapes are read: the
 * file of a state, version 4, and what `terraform show -json` prints, format 1
 * (developer.hashicorp.com/terraform/internals/json-format). Messages name places and never have a value.
 */
import { FerryError } from '../../../error.ts';
import { jsonFault } from './json-fault.ts';
import { entry, record, type Reading } from './reading.ts';
import type { TerraformState } from './resource.ts';
import { readShown } from './shown-state.ts';
import { readStateFile } from './state-file.ts';

/** @param name how messages call the document. @throws FerryError `corrupt`, `unsupported` */
export function parseTerraformState(text: string, name: string): TerraformState {
  const warnings: string[] = [];
  const reading: Reading = { name, warn: (text) => warnings.push(text) };
  const document = record(reading, parseJson(text, name), 'it');
  const version = entry(document, 'version');
  const format = entry(document, 'format_version');
  if (entry(document, 'encrypted_data') !== undefined) {
    throw new FerryError('unsupported', `cannot read "${name}": it is encrypted`, {
      hint: 'give ferry what "tofu show -json" prints',
    });
  }
  if (entry(document, 'planned_values') !== undefined) {
    throw new FerryError('unsupported', `cannot read "${name}": it is a plan, not a state`, {
      hint: 'give ferry what "terraform show -json" prints without the file of the plan',
    });
  }
  if (typeof format === 'string') {
    if (!/^(?:0|1)\./.test(format)) throw notRead(name, `format ${shown(format)} of "show -json"`);
    return { ...readShown(reading, document), warnings };
  }
  if (version === 4) return { ...readStateFile(reading, document), warnings };
  if (typeof version === 'number') throw notRead(name, `state of version ${version}`);
  throw new FerryError(
    'corrupt',
    `cannot read "${name}": it is neither a state of Terraform nor what "terraform show -json" prints`,
  );
}

function shown(format: string): string {
  return /^[\d.]{1,10}$/.test(format) ? format : 'unknown';
}

function notRead(name: string, what: string): FerryError {
  return new FerryError('unsupported', `cannot read "${name}": it is a ${what}`, {
    hint: 'versions 4 of states and 1 of "terraform show -json" are read: terraform show -json > state.json',
  });
}

function parseJson(text: string, name: string): unknown {
  const document = text.startsWith('\ufeff') ? text.slice(1) : text;
  try {
    return JSON.parse(document);
  } catch {
    const fault = jsonFault(document) ?? document.length;
    const isEmpty = document.trim() === '';
    const why = isEmpty ? 'it is empty' : `it is not JSON, ${lineOf(document, fault)}`;
    throw new FerryError('corrupt', `cannot read "${name}": ${why}`, { offset: fault });
  }
}

function lineOf(text: string, at: number): string {
  const before = text.slice(0, at);
  const line = before.split('\n').length;
  return `line ${line}, column ${at - before.lastIndexOf('\n')}`;
}
