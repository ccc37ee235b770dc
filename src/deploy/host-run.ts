/** The way of one host through a deployment, from the first connection to its end. */
import type { CopySummary } from '../copy/events.ts';
import type { FanOutTarget } from '../copy/fan-out.ts';
import { FerryError } from '../error.ts';
import { printStorePath } from '../format/store-path.ts';
import { addPins, surveyProfile, type ProfileSurvey } from './agent/agent.ts';
import type { ActivationState } from './activation-state.ts';
import { checkHost, type CheckedHost } from './check-host.ts';
import type { DeployOptions, DeployTask } from './deploy.ts';
import type { HostResult } from './events.ts';
import type { Activation } from './fleet.ts';
import { HostLink } from './host-link.ts';
import { HostStory } from './host-story.ts';
import type { KnownClosures } from './known-closures.ts';
import { makeLive, type MadeLive } from './make-live.ts';
import { isOver, settleEarlier } from './settle-earlier.ts';
import { isGood, type Turns } from './strategy.ts';

export class HostRun implements AsyncDisposable {
  readonly task: DeployTask;
  readonly story: HostStory;
  readonly #options: DeployOptions;
  readonly #printed: string;
  #link: HostLink | undefined;
  #checked: CheckedHost | undefined;
  /** What was activated last, or still is. */
  #earlier: ActivationState | undefined;

  constructor(task: DeployTask, turns: Turns, options: DeployOptions) {
    this.task = task;
    this.story = new HostStory(task.host.name, { ...options, turns });
    this.#options = options;
    this.#printed = printStorePath(options.source.storeDir, task.path);
  }

  /** What was found out by `check`, if all was well. */
  get checked(): CheckedHost | undefined {
    return this.#checked;
  }

  /** Never rejects. @returns itself where all is well, undefined where it has come to its end */
  async check(closures: KnownClosures): Promise<this | undefined> {
    const { story, task } = this;
    const { host } = task;
    const { signal } = this.#options;
    try {
      signal?.throwIfAborted();
      story.enter('connecting');
      const connection = await this.#options.open(host, { signal });
      this.#link = new HostLink(connection, signal);
      story.enter('checking');
      this.#checked = await checkHost(host, task.path, connection, {
        ...this.#options,
        closures,
        pinned: task.pins.map(({ path }) => path),
      });
      story.enter('ready');
      return this;
    } catch (error) {
      story.refuse(error, { path: this.#printed });
      return undefined;
    }
  }

  /** What is to be copied to it; only after it was checked. */
  copyTarget(): FanOutTarget {
    const { store, plan } = this.#whenChecked();
    const { checkSigs, signal } = this.#options;
    this.story.enter('copying');
    return {
      key: this.story.host,
      destination: store,
      plan,
      checkSigs,
      signal,
      onEvent: (event) => this.story.copy(event),
    };
  }

  /** From the end of the copy to the end of all. Never rejects. */
  async finish(copying: Promise<CopySummary>): Promise<void> {
    const { story } = this;
    const { signal, noActivate = false } = this.#options;
    const path = this.#printed;
    try {
      await copying;
      const checked = this.#whenChecked();
      const { connection, asRoot } = checked;
      if (this.task.pins.length > 0) {
        await addPins(connection, this.#printedPins(), { asRoot, signal });
      }
      if (noActivate) {
        return story.end('done', { path, generation: checked.profile.current });
      }
      story.enter('copied');
      if (!(await story.takeTurn())) return;
      story.enter('activating');
      await this.#settle(checked);
      // That may have changed it.
      const profile = await surveyProfile(connection, this.task.host.profile, { asRoot, signal });
      if (this.#isThere(profile)) {
        return story.end('unchanged', { path, generation: profile.current });
      }
      const live = await this.#activate(checked);
      story.end(live.outcome, { path, error: live.error, ...generationsOf(live, profile) });
    } catch (error) {
      story.fail('failed', error, { path, generation: this.#checked?.profile.current });
    }
  }

  /** Its turn won't come. */
  skip(): void {
    this.story.end('skipped', { path: this.#printed });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link?.[Symbol.asyncDispose]();
  }

  async #settle({ connection, asRoot }: CheckedHost): Promise<void> {
    const { signal } = this.#options;
    const onWarning = (message: string): void => this.story.warn(message);
    const { host } = this.task;
    this.#earlier = await settleEarlier(connection, host, this.#printed, {
      asRoot,
      signal,
      onWarning,
    });
  }

  async #activate({ asRoot }: CheckedHost): Promise<MadeLive> {
    const { host } = this.task;
    const { profile, activation, activationTimeoutMs, confirmTimeoutMs } = host;
    const link = this.#link;
    if (link === undefined) throw new FerryError('internal', 'a host without a connection');
    const { signal } = this.#options;
    const options = {
      host,
      asRoot,
      address: await this.#options.addressOf(host),
      signal,
      onLine: (line: string) => this.story.line(line),
      onConfirming: () => this.story.enter('confirming'),
    };
    const earlier = this.#earlier;
    if (earlier !== undefined && !isOver(earlier)) {
      const live = await makeLive(link, earlier, options);
      if (!isGood(live.outcome)) return live;
      this.#earlier = live.state;
      // Whoever began it may have wanted something else of the same path: to test it, or to start with it.
      const found = await surveyProfile(link.connection, profile, { asRoot, signal });
      if (this.#isThere(found)) return live;
      this.story.enter('activating');
    }
    const newPath = this.#printed;
    const request = { profile, newPath, activation, activationTimeoutMs, confirmTimeoutMs };
    return await makeLive(link, request, options);
  }

  /** Whether it runs already what it is to run, as far as anybody can know. */
  #isThere(profile: ProfileSurvey): boolean {
    const earlier = this.#earlier;
    if (earlier !== undefined && !isOver(earlier)) return false;
    if (makesNoGeneration(this.task.host.activation)) return false;
    if (profile.currentPath !== this.#printed) return false;
    if (profile.activePath !== undefined) return profile.activePath === this.#printed;
    return earlier?.phase === 'live' && earlier.newPath === this.#printed;
  }

  #printedPins(): { link: string; path: string }[] {
    const { storeDir } = this.#options.source;
    return this.task.pins.map(({ link, path }) => ({ link, path: printStorePath(storeDir, path) }));
  }

  #whenChecked(): CheckedHost {
    if (this.#checked === undefined) throw new FerryError('internal', 'a host was not checked');
    return this.#checked;
  }
}

function makesNoGeneration(activation: Activation): boolean {
  if (activation.kind !== 'nixos') return false;
  return activation.action === 'test' || activation.action === 'dry-activate';
}

function generationsOf(
  { outcome, state }: MadeLive,
  profile: ProfileSurvey,
): Pick<HostResult, 'generation' | 'oldGeneration'> {
  const oldGeneration = state?.oldGeneration ?? profile.current;
  if (outcome === 'unknown') return { generation: undefined, oldGeneration };
  if (outcome === 'rolled-back') return { generation: oldGeneration, oldGeneration: undefined };
  return { generation: state?.newGeneration ?? profile.current, oldGeneration };
}
