/** `ferry fleet list`: what was understood of the inventories. */
import { defineCommand, type Command } from '../command.ts';
import { chooseHosts, hostArgument, inventoryOptions, readFleet } from '../inventory-options.ts';
import { paintFor } from '../looking.ts';
import { printPieces } from '../print-pieces.ts';
import { fleetBlocks, fleetJson, fleetTable } from '../ui/render-fleet.ts';

export const fleetList: Command = defineCommand({
  description: [
    'Prints the hosts that the other commands of this kind would work on: what each is called, where it is reached, its tags, what is to run there, as which generation of which profile, how that is made live, and which inventory says that the host exists. Nothing is connected to.',
    'Who the hosts are is said by ferry.config.ts or ferry.toml in the working directory, or by the options. ferry.config.ts is code, which is run.',
    'Where the terminal is too narrow for a table, and with --long, each host is a block of lines.',
  ],
  arguments: [hostArgument],
  options: {
    to: { help: 'a host by its URI: ssh://[user@]host[:port]', value: 'URI', repeated: true },
    ...inventoryOptions,
    long: { help: 'all that is known of each host', short: 'l' },
    json: { help: 'tell programs, in JSON' },
  },
  examples: [
    { meaning: 'all hosts of ferry.toml here', command: 'ferry fleet list' },
    { meaning: 'those with a tag', command: 'ferry fleet list @web' },
    { meaning: 'what Terraform made', command: 'ferry fleet list --terraform ./infra' },
    {
      meaning: 'by addresses that its rules would not choose',
      command:
        "ferry fleet list --terraform state.json --terraform-rule 'google_compute_instance=network_interface[0].network_ip'",
    },
    { meaning: 'those of ssh_config', command: "ferry fleet list --ssh-hosts 'web-*'" },
  ],
  async run(context, words, options) {
    const { to, long, json } = options;
    const inventory = await readFleet(context, options, { uris: to, words });
    const hosts = chooseHosts(inventory, words);
    const { stdout } = context;
    if (json) {
      await stdout.write(fleetJson(hosts));
      return 0;
    }
    const table = fleetTable(hosts, paintFor(stdout));
    const isWide = stdout.isTerminal && table.width > (stdout.width() || 80);
    await printPieces(stdout, long || isWide ? fleetBlocks(hosts, paintFor(stdout)) : table.lines);
    return 0;
  },
});
