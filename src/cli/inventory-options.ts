/** The options by which commands are told who the hosts are, and what becomes of them: a fleet, and hosts of it. */
import type { HostSettings } from '../deploy/inventory/define-fleet.ts';
import { isHostUri } from '../deploy/inventory/host-place.ts';
import type { Inventory } from '../deploy/inventory/inventory.ts';
import type { OptionValues } from './command.ts';
import { say, type CommandContext } from './context.ts';
import { printable } from './errors.ts';

export { chooseHosts } from '../deploy/inventory/choose-hosts.ts';

/** Of all commands for hosts. */
export const inventoryOptions: {
  readonly config: { readonly help: string; readonly value: string; readonly completes: 'file' };
  readonly terraform: { readonly help: string; readonly value: string; readonly completes: 'file' };
  readonly terraformRule: {
    readonly help: string;
    readonly value: string;
    readonly repeated: true;
  };
  readonly sshHosts: { readonly help: string; readonly value: string; readonly repeated: true };
  readonly user: { readonly help: string; readonly value: string };
  readonly become: {
    readonly help: string;
    readonly value: string;
    readonly choices: readonly string[];
  };
  readonly profile: { readonly help: string; readonly value: string };
} = {
  config: {
    help: 'the file that says who the hosts are, instead of ferry.config.ts or ferry.toml here',
    value: 'FILE',
    completes: 'file',
  },
  terraform: {
    help: 'take the hosts of this state of Terraform or OpenTofu: a directory, a state file, the output of terraform show -json, - for stdin',
    value: 'PATH',
    completes: 'file',
  },
  terraformRule: {
    help: 'where the addresses are: TYPE=PATH of attributes, TYPE=- for none, output.NAME',
    value: 'RULE',
    repeated: true,
  },
  sshHosts: {
    help: "take the hosts of ssh_config whose names match: 'web-*'",
    value: 'PATTERN',
    repeated: true,
  },
  user: { help: 'log in to all hosts as this user', value: 'USER' },
  become: {
    help: 'how root is reached there where the user is another',
    value: 'HOW',
    choices: ['auto', 'sudo', 'doas', 'never'],
  },
  profile: { help: 'the profile on the hosts', value: 'PATH' },
};

/** The argument of commands for hosts. */
export const hostArgument: {
  readonly name: string;
  readonly help: string;
  readonly optional: true;
  readonly repeated: true;
} = {
  name: 'HOST',
  help: "names of hosts, patterns such as 'web-*', @TAG, ssh://HOST; all where there is none",
  optional: true,
  repeated: true,
};

export type InventoryOptionValues = OptionValues<typeof inventoryOptions>;

export interface ReadFleetOptions {
  /** Hosts of `--to`; undefined where the command has no such option. */
  readonly uris?: readonly string[] | undefined;
  /** The words that `chooseHosts` will be given: where they are URIs, no file needs to say who the hosts are. */
  readonly words?: readonly string[] | undefined;
  /** What else the command line says of all hosts; it counts more than the inventories. */
  readonly overrides?: HostSettings | undefined;
}

/**
 * The fleet that the command line names, else that of the working directory.
 * @throws FerryError `not-found` where nothing says who the hosts are
 */
export async function readFleet(
  context: CommandContext,
  options: InventoryOptionValues,
  { uris, words = [], overrides = {} }: ReadFleetOptions = {},
): Promise<Inventory> {
  const { config, terraform, terraformRule, sshHosts, user, become, profile } = options;
  const { readInventory } = await import('../deploy/inventory/read-inventory.ts');
  const warnings: string[] = [];
  const isTold = terraform !== undefined || sshHosts.length > 0 || (uris ?? []).length > 0;
  const areUris = words.length > 0 && words.every(isHostUri);
  const inventory = await readInventory({
    cwd: context.cwd,
    env: context.env,
    stdin: context.stdin,
    configFile: config,
    terraform,
    terraformRules: terraformRule,
    sshHosts,
    uris,
    wantsConfig: !isTold && !areUris,
    // Only these ways to root pass the parser.
    overrides: { user, become: become as HostSettings['become'], profile, ...overrides },
    signal: context.signal,
    onWarning: (text) => void warnings.push(text),
  });
  for (const warning of warnings) await say(context, printable(`warning: ${warning}`));
  return inventory;
}
