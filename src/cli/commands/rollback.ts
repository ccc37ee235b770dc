/** `ferry rollback`: hosts back to an older generation, with the care of a deployment. */
import { rollBack, type RollBackPlan } from '../../deploy/roll-back.ts';
import type { CallOptions } from '../../store/store.ts';
import { defineCommand, type Command } from '../command.ts';
import {
  activationOptions,
  strategyOptions,
  turnOf,
  wholeNumber,
  withActivation,
} from '../deploy-options.ts';
import { chooseHosts, hostArgument, inventoryOptions, readFleet } from '../inventory-options.ts';
import { hostAddress } from '../../host/host-address.ts';
import type { HostTarget } from '../../host/host-target.ts';
import { hostOpener } from '../open-hosts.ts';
import { openSession } from '../session.ts';
import { deployStatus } from '../ui/deploy-exit-status.ts';
import { showDeployment } from '../ui/deploy-progress.ts';
import { dismissedAfter } from '../ui/deploy-view.ts';
import { rollBackPlanJson, rollBackPlanText } from '../ui/render-roll-back-plan.ts';

const TITLE = 'ferry rollback';

export const rollback: Command = defineCommand({
  description: [
    'Makes an older generation of the profile the current one again on each HOST, activates it and confirms it, as ferry deploy does: a host that is not confirmed in time stays what it was.',
  ],
  arguments: [hostArgument],
  options: {
    to: { help: 'the number of the generation; by default the one before', value: 'GENERATION' },
    ...inventoryOptions,
    ...activationOptions,
    ...strategyOptions,
    dryRun: { help: 'say what would be done', short: 'n' },
    json: { help: 'tell programs, in JSON' },
  },
  examples: [
    { meaning: 'one machine, one step', command: 'ferry rollback ssh://root@server' },
    { meaning: 'to a generation that worked', command: 'ferry rollback web-1 --to 12' },
    { meaning: 'which ones there are', command: 'ferry generations web-1' },
  ],
  async run(context, words, options) {
    const turn = turnOf(TITLE, options);
    const generation =
      options.to === undefined ? undefined : wholeNumber(TITLE, '--to', options.to);
    const fleet = await readFleet(context, options, { words });
    const hosts = chooseHosts(fleet, words).map((host) => withActivation(TITLE, host, options));
    await using session = openSession(context);
    const { dryRun, json } = options;
    const view = showDeployment(context, {
      talk: json && !dryRun ? 'json' : 'people',
      hosts: hosts.map(({ name }) => name),
    });
    session.onLine = view.print;
    const opener = hostOpener(context, session);
    const rollBackOptions = {
      ...turn,
      generation,
      open: (target: HostTarget, call: CallOptions) => opener.open(target, call),
      addressOf: ({ uri }: HostTarget) => hostAddress(uri, context.env.variables),
      signal: context.signal,
      onEvent: view.onEvent,
    };
    if (!dryRun) {
      try {
        return deployStatus(await rollBack(hosts, rollBackOptions));
      } finally {
        await view.finish();
      }
    }
    const plans = new Map<string, RollBackPlan>();
    const onPlan = (plan: RollBackPlan): void => void plans.set(plan.host, plan);
    // Nobody's turn is stopped by what would not be done elsewhere.
    const strategy = { kind: 'all' } as const;
    const all = { ...rollBackOptions, onPlan, strategy, maxFailures: undefined };
    const results = await dismissedAfter(view, rollBack(hosts, all));
    await context.stdout.write((json ? rollBackPlanJson : rollBackPlanText)(results, plans));
    return deployStatus(results);
  },
});
