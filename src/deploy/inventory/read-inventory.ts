/** Reads all inventories that a command names, or the one of the working directory, into one fleet. */
import { resolve } from 'node:path';
import type { Environment } from '../../config/environment.ts';
import { FerryError } from '../../error.ts';
import type { FleetConfig, HostSettings, TerraformRule } from './define-fleet.ts';
import { checkHostSettings } from './fleet-schema.ts';
import { makeInventory, type FoundHost, type Inventory } from './inventory.ts';
import { findConfig, readConfig, type FleetConfigFile } from './read-config.ts';
import { asOption } from './spelling.ts';
import { findSshConfigHosts } from './ssh-config-hosts.ts';

export interface InventorySources {
  readonly cwd: string;
  readonly env: Environment;
  readonly stdin: AsyncIterable<Uint8Array>;
  /** A file that says who the hosts are. */
  readonly configFile?: string | undefined;
  /** A directory, a state, `-`. */
  readonly terraform?: string | undefined;
  /** As `--terraform-rule` takes them. */
  readonly terraformRules?: readonly string[] | undefined;
  /** Patterns for names in ssh_config. */
  readonly sshHosts?: readonly string[] | undefined;
  /** Hosts that are told by their URIs with `--to`; undefined where a command has no such option. */
  readonly uris?: readonly string[] | undefined;
  /** Whether to look for a file in the working directory, which must be there then. */
  readonly wantsConfig: boolean;
  /** What counts more than all inventories. */
  readonly overrides?: HostSettings | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onWarning?: ((text: string) => void) | undefined;
}

/** @throws FerryError `not-found` where nothing says who the hosts are, `usage`, `conflict`, what reading throws */
export async function readInventory(sources: InventorySources): Promise<Inventory> {
  const { cwd, overrides = {}, uris = [], onWarning } = sources;
  const file = await readConfigOf(sources);
  const config = file?.config ?? {};
  const found: FoundHost[] = [];
  const terraform = sources.terraform ?? config.terraform?.path;
  if (terraform !== undefined) {
    const name = sources.terraform ?? shortName(terraform, cwd);
    found.push(...(await readTerraformHosts(sources, terraform, name, config.terraform?.rules)));
  } else if ((sources.terraformRules ?? []).length > 0) {
    throw new FerryError('usage', '--terraform-rule was given, and no state of Terraform', {
      hint: 'say where it is: --terraform DIR',
    });
  }
  const patterns = [...(config.sshConfig?.patterns ?? []), ...(sources.sshHosts ?? [])];
  if (patterns.length > 0) found.push(...findSshConfigHosts(patterns, sources.env));
  const inventory = makeInventory({
    config,
    configName: file?.name ?? '',
    found,
    uris,
    overrides: checkHostSettings(overrides, { what: 'command line', spell: asOption }),
  });
  const wasRead = file !== undefined || terraform !== undefined || patterns.length > 0;
  if (wasRead && inventory.hosts.size === 0 && uris.length === 0) {
    const where = file === undefined ? `"${sources.terraform ?? 'ssh_config'}"` : `"${file.name}"`;
    onWarning?.(`there is no host in ${where}`);
  }
  warnOfTags(config, inventory, file?.name ?? '', onWarning);
  return inventory;
}

async function readConfigOf(sources: InventorySources): Promise<FleetConfigFile | undefined> {
  const { cwd, env, signal, configFile, wantsConfig } = sources;
  const options = { cwd, variables: env.variables, signal };
  if (configFile !== undefined) return await readConfig(configFile, options);
  if (!wantsConfig) return undefined;
  const name = findConfig(options);
  if (name !== undefined) return await readConfig(name, options);
  throw new FerryError(
    'not-found',
    `nothing says which hosts there are: there is no ferry.config.ts and no ferry.toml in "${cwd}"`,
    {
      hint: `${EXAMPLE}\nor name the hosts: ${sources.uris === undefined ? '' : '--to '}ssh://HOST, --terraform DIR, --ssh-hosts 'web-*'`,
    },
  );
}

const EXAMPLE = `write ferry.toml, for example:
  [defaults]
  user = "root"
  closure = "./result-{name}"
  [hosts.web-1]
  address = "10.0.0.7"`;

async function readTerraformHosts(
  { cwd, env, stdin, signal, terraformRules = [], onWarning }: InventorySources,
  path: string,
  name: string,
  rules: Readonly<Record<string, TerraformRule>> | undefined,
): Promise<readonly FoundHost[]> {
  const [{ readTerraform }, { parseTerraformState }, { findTerraformHosts }, rulesModule] =
    await Promise.all([
      import('./terraform/read-terraform.ts'),
      import('./terraform/state.ts'),
      import('./terraform/find-hosts.ts'),
      import('./terraform/rules.ts'),
    ]);
  const { makeRules, parseRuleWord } = rulesModule;
  // Before anything is read, which may take its time.
  const set = makeRules([...terraformRules.map(parseRuleWord), ...(rules ? [rules] : [])]);
  const where = path === '-' ? path : resolve(cwd, path);
  const shown = path === '-' ? 'stdin' : name;
  const text = await readTerraform(where, {
    name: shown,
    stdin,
    variables: env.variables,
    signal,
  });
  const { hosts, warnings } = findTerraformHosts(parseTerraformState(text, shown), set, shown);
  for (const warning of warnings) onWarning?.(`Terraform: ${warning}`);
  return hosts;
}

function shortName(path: string, cwd: string): string {
  return path.startsWith(`${cwd}/`) ? path.slice(cwd.length + 1) : path;
}

/** What is said for a tag that no host has is mostly a mistyped one. */
function warnOfTags(
  { tags = {} }: FleetConfig,
  { hosts }: Inventory,
  name: string,
  onWarning: InventorySources['onWarning'],
): void {
  const used = new Set([...hosts.values()].flatMap((host) => host.tags));
  for (const tag of Object.keys(tags)) {
    if (!used.has(tag))
      onWarning?.(`no host has the tag "${tag}", of which "${name}" says something`);
  }
}
