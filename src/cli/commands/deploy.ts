/** `ferry deploy`: closures copied to hosts and made live there, or the old ones kept. */
import { checkDeployment, deploy as deployTo } from '../../deploy/deploy.ts';
import type { CallOptions } from '../../store/store.ts';
import { defineCommand, type Command } from '../command.ts';
import { activationOptions, strategyOptions, turnOf, withActivation } from '../deploy-options.ts';
import { DeployPaths, parsePin, requireValidTasks } from '../deploy-tasks.ts';
import { chooseHosts, inventoryOptions, readFleet } from '../inventory-options.ts';
import { hostAddress } from '../../host/host-address.ts';
import type { HostTarget } from '../../host/host-target.ts';
import { hostOpener } from '../open-hosts.ts';
import { usage } from '../parse-words.ts';
import { openSession } from '../session.ts';
import { deployStatus } from '../ui/deploy-exit-status.ts';
import { showDeployment } from '../ui/deploy-progress.ts';
import { dismissedAfter } from '../ui/deploy-view.ts';
import { deployPlanJson, deployPlanText } from '../ui/render-deploy-plan.ts';

const TITLE = 'ferry deploy';

export const deploy: Command = defineCommand({
  description: [
    'Copies a closure to hosts, makes it the next generation of a profile there, activates it, and confirms it over a new connection. A host that is not confirmed in time goes back to its old generation by itself, even if the activation cut it off from the network; so does one whose activation or health checks fail.',
    'The hosts are those of --to, or those of the fleet: ferry.config.ts or ferry.toml in the working directory, Terraform, ssh_config. PATH is what all of them get; without it each gets what its inventory says. All hosts are checked before anything is sent: whether they answer, let us in, run such programs, trust what they would get and have room for it. A host that fails keeps none of the others waiting.',
    'The closure is read once for all hosts. A NixOS system is activated by its bin/switch-to-configuration, other closures by their bin/activate where they have one, or by --activate. Run again, the same command finishes what an interrupted one has begun, and changes nothing where all is as it should be.',
    'With --json there is one JSON object per line on stdout for each event, the last one of type "done".',
  ],
  arguments: [
    { name: 'PATH', help: 'what to run there: ./result, say', optional: true, completes: 'file' },
  ],
  options: {
    to: {
      help: 'a host, by its URI: ssh://[user@]host[:port]; instead of a fleet',
      value: 'URI',
      repeated: true,
      completes: 'store',
    },
    on: {
      help: 'only these of the fleet: a name, a pattern such as "web-*", or @TAG',
      value: 'HOST',
      repeated: true,
    },
    ...inventoryOptions,
    from: { help: 'the store to copy from', value: 'STORE', completes: 'store' },
    system: {
      help: 'the system that the closure is for, where its derivation says another',
      value: 'SYSTEM',
    },
    ...activationOptions,
    noActivate: { help: 'copy and pin alone: no generation, no activation' },
    pin: {
      help: 'a link on the host that keeps a path (a store path, or a file or directory of here) and lets it be found; without =PATH the closure itself',
      value: 'LINK[=PATH]',
      repeated: true,
    },
    ...strategyOptions,
    substituteOnDestination: {
      help: 'let the hosts fetch what they can from their own substituters',
      short: 's',
    },
    noCheckSigs: { help: 'let hosts take paths that lack a signature by a key they trust' },
    dryRun: { help: 'check all hosts and say what would be done', short: 'n' },
    json: { help: 'tell programs, in JSON' },
  },
  examples: [
    {
      meaning: 'a NixOS system to one machine',
      command: 'ferry deploy ./result --to ssh://root@server',
    },
    {
      meaning: 'a service to all web servers, two at a time, kept only where it answers',
      command:
        "ferry deploy --on @web --strategy rolling:2 --health-http 'http://{host}:8080/health'",
    },
    {
      meaning: 'with the configuration that made it kept beside it',
      command:
        'ferry deploy ./result --to ssh://admin@pi --pin /etc/nixos/current-configuration=./configuration',
    },
    { meaning: 'to what Terraform has made', command: 'ferry deploy ./result --terraform ./infra' },
  ],
  async run(context, words, options) {
    const [given] = words;
    const turn = turnOf(TITLE, options);
    const { to, on, json, dryRun, noActivate } = options;
    if (noActivate && (options.activate ?? options.action) !== undefined) {
      throw usage(TITLE, '--no-activate leaves nothing to --activate or --action');
    }
    const pins = options.pin.map(parsePin);
    const fleet = await readFleet(context, options, { uris: to, words: on });
    const hosts = chooseHosts(fleet, on).map((host) => {
      const changed = withActivation(TITLE, host, options);
      const { system = changed.system } = options;
      return { ...changed, system, pins: [...changed.pins, ...pins] };
    });
    await using session = openSession(context);
    const source = await session.openExisting(options.from);
    const paths = new DeployPaths(context, session, source);
    const tasks = [];
    for (const host of hosts) tasks.push(await paths.taskFor(host, given));
    await requireValidTasks(source, tasks, { signal: context.signal });
    const view = showDeployment(context, {
      talk: json && !dryRun ? 'json' : 'people',
      hosts: hosts.map(({ name }) => name),
      storeDir: source.storeDir,
    });
    session.onLine = view.print;
    const opener = hostOpener(context, session);
    const deployOptions = {
      ...turn,
      source,
      open: (target: HostTarget, call: CallOptions) => opener.open(target, call),
      addressOf: (target: HostTarget) => hostAddress(target.uri, context.env.variables),
      checkSigs: !options.noCheckSigs,
      substitute: options.substituteOnDestination,
      noActivate,
      signal: context.signal,
      onEvent: view.onEvent,
    };
    if (!dryRun) {
      try {
        return deployStatus(await deployTo(tasks, deployOptions));
      } finally {
        await view.finish();
      }
    }
    const checks = await dismissedAfter(view, checkDeployment(tasks, deployOptions));
    const text = json ? deployPlanJson(checks) : deployPlanText(checks);
    await context.stdout.write(text);
    return deployStatus(checks.map(({ result }) => result));
  },
});
