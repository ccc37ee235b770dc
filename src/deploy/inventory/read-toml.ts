/** Reads `ferry.toml`: the fields of a fleet in kebab-case. */
import { parse, TomlError } from 'smol-toml';
import { FerryError } from '../../error.ts';
import type { FleetConfig } from './define-fleet.ts';
import { checkFleetConfig } from './fleet-schema.ts';
import { respell } from './respell.ts';
import { kebabCase } from './spelling.ts';

/** Deeper than any table of a fleet. */
const DEPTH_MAX = 64;

/** @param name how messages call it. @throws FerryError `usage` */
export function parseFleetToml(text: string, name: string): FleetConfig {
  const options = { what: `fleet of "${name}"`, spell: kebabCase };
  const document = parseToml(text, name);
  return checkFleetConfig(respell(document, { ...options, isNamed }), options);
}

function isNamed(at: readonly (string | number)[]): boolean {
  const [first, second] = at;
  if (at.length === 1) return first === 'hosts' || first === 'tags';
  if (at.length === 2) return first === 'terraform' && second === 'rules';
  return at.length === 4 && first === 'terraform' && at[3] === 'where';
}

function parseToml(text: string, name: string): unknown {
  try {
    return parse(text, { maxDepth: DEPTH_MAX, unsafeKeyBehaviour: 'keep' });
  } catch (error) {
    if (!(error instanceof TomlError)) {
      throw new FerryError('usage', `cannot read "${name}": it is nested too deeply`, {
        cause: error,
      });
    }
    // After the first line comes a piece of the file.
    const [why = ''] = error.message.replace(/^Invalid TOML document: /, '').split('\n', 1);
    const place = `line ${error.line}, column ${error.column}`;
    throw new FerryError('usage', `cannot read "${name}": ${place}: ${why}`);
  }
}
