/** The hosts in a state, by the rules: of resources, and of outputs that were named or made for it. */
import type { FoundHost } from '../inventory.ts';
import { hostNameFrom } from '../names.ts';
import { valuesAt, type Found } from './attribute-path.ts';
import { configFrom, fits, terraformSource, textFrom, type Candidate } from './candidate.ts';
import { nameHosts } from './name-hosts.ts';
import { hostsByRule, statedHosts } from './output-hosts.ts';
import { withoutAddress, type RulePath, type RuleSet } from './rules.ts';
import type { TerraformResource, TerraformState } from './resource.ts';

export interface TerraformHosts {
  readonly hosts: readonly FoundHost[];
  /** What was left out, and why. */
  readonly warnings: readonly string[];
}

/** The output that takes the place of all else where it is there. */
export const hostsOutput = 'ferry_hosts';

/** @param name how messages call the state. @throws FerryError `usage` for outputs that have no hosts */
export function findTerraformHosts(
  state: TerraformState,
  rules: RuleSet,
  name: string,
): TerraformHosts {
  const warnings: string[] = [];
  const stated = state.outputs.get(hostsOutput);
  if (stated !== undefined && stated !== null) {
    return { hosts: nameHosts(statedHosts(stated, hostsOutput, name)), warnings };
  }
  const warn = (text: string): void => void warnings.push(text);
  for (const text of state.warnings) warn(text);
  const candidates: Candidate[] = [];
  for (const [output, rule] of rules.outputs) {
    if (rule.isIgnored) continue;
    if (state.outputs.has(output)) {
      const options = { name, rule, warn };
      candidates.push(...hostsByRule(state.outputs.get(output), output, options));
    } else {
      warn(`there is no output "${output}"`);
    }
  }
  for (const resource of state.resources) {
    const found = hostOf(resource, rules);
    if (typeof found === 'string') warn(`${resource.address} is left out: ${found}`);
    else if (found !== undefined) candidates.push(found);
  }
  return { hosts: nameHosts(candidates), warnings };
}

/** What it is, undefined where it isn't meant to be one, or why it can't be. */
function hostOf(resource: TerraformResource, rules: RuleSet): Candidate | string | undefined {
  const { values, type } = resource;
  const rule = rules.types.get(type);
  // An output that a person named says all; resources count beside it where they were named as well.
  if (rules.outputs.size > 0 && rule?.isExplicit !== true) return undefined;
  if (rule === undefined) {
    return withoutAddress.includes(type)
      ? 'it has no address, which another resource or an output has'
      : undefined;
  }
  const all = ({ path }: RulePath): unknown[] => valuesAt(values, path).map(({ value }) => value);
  if (rule.isIgnored || !fits(all, rule)) return undefined;
  const read = ({ path, isExplicit }: RulePath): unknown[] =>
    valuesAt(values, path)
      .filter(({ at }) => isExplicit || !resource.isSensitive(at))
      .map(({ value, at }) => (isExplicit ? value : withoutSensitive(resource, value, at)));
  const config = configFrom(read, rule);
  if (config === undefined) {
    return configFrom(all, rule) === undefined
      ? 'it has no address'
      : `its address is marked as sensitive, which --terraform-rule ${type}=PATH takes all the same`;
  }
  const wanted = textFrom(read, rule.name);
  return {
    wanted: hostNameFrom(wanted ?? ''),
    otherNames: namesOf(resource),
    group: `${type}.${resource.name}`,
    origin: `${terraformSource}: ${resource.address}`,
    config: { ...config, tags: [...new Set([...(config.tags ?? []), type])] },
  };
}

/** A list or labels without what is sensitive in them: what lies deeper nothing is made of. */
function withoutSensitive(
  { isSensitive }: TerraformResource,
  value: unknown,
  at: Found['at'],
): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.filter((_, i) => !isSensitive([...at, i]));
  return Object.fromEntries(Object.entries(value).filter(([key]) => !isSensitive([...at, key])));
}

/** By what it is called in the configuration of Terraform. */
function namesOf({ type, name, index, module, address }: TerraformResource): string[] {
  const last = index === undefined ? name : `${name}-${index}`;
  const modules = module.replaceAll(/(?:^|\.)module\./g, '-');
  return [last, `${modules}-${last}`, `${modules}-${type}-${last}`, address].flatMap(
    (text) => hostNameFrom(text)?.replaceAll(/-{2,}/g, '-') ?? [],
  );
}
