/** Tells people or programs how a collection gets on. */
import { formatBytes } from '../../bytes/format-bytes.ts';
import { printStorePath, type StoreDir, type StorePath } from '../../format/store-path.ts';
import type { CollectEvent } from '../../store/local/collect-garbage.ts';
import type { CommandContext } from '../context.ts';
import { printable } from '../errors.ts';
import { LiveLines } from './live-lines.ts';
import { OrderedOutput } from './ordered-output.ts';
import { formatCount, formatNumber } from './units.ts';

/** Nothing is shown of what is over within this time, in milliseconds. */
const QUIET_MS = 250;
const REDRAW_MS = 100;
/** Of a terminal that does not say. */
const WIDTH = 80;

export class CollectReport implements AsyncDisposable {
  readonly #storeDir: StoreDir;
  readonly #isJson: boolean;
  readonly #verbosity: number;
  readonly #data: OrderedOutput;
  readonly #talk: OrderedOutput;
  readonly #live: LiveLines;
  readonly #isLive: boolean;
  #timer: NodeJS.Timeout | undefined;
  #what = 'looking for garbage';
  #found = 0;
  #deleted = 0;
  #bytes = 0;

  constructor(context: CommandContext, storeDir: StoreDir, { isJson }: { isJson: boolean }) {
    const { stderr, stdout, env, verbosity } = context;
    this.#storeDir = storeDir;
    this.#isJson = isJson;
    this.#verbosity = verbosity;
    this.#data = new OrderedOutput(stdout);
    this.#talk = new OrderedOutput(stderr);
    this.#live = new LiveLines(this.#talk);
    this.#isLive = stderr.isTerminal && env.variables['TERM'] !== 'dumb' && verbosity >= 0;
    if (!this.#isLive) return;
    const startedAt = performance.now();
    this.#timer = setInterval(() => {
      if (performance.now() - startedAt < QUIET_MS) return;
      this.#live.draw([this.#line().slice(0, (stderr.width() || WIDTH) - 1)]);
    }, REDRAW_MS);
    this.#timer.unref();
  }

  take(event: CollectEvent): void {
    switch (event.type) {
      case 'waiting':
        this.#what = 'waiting for another collector to end';
        if (!this.#isLive && this.#verbosity >= 0) this.#talk.line(this.#what);
        break;
      case 'deleting-garbage':
        this.#what = 'deleting';
        this.#found = event.count;
        break;
      case 'deleted':
        this.#deleted++;
        this.#bytes += event.bytesFreed;
        this.#tellDeleted(event);
        break;
      case 'deleting-links':
        this.#what = 'removing unused links';
        break;
      case 'unreadable-root':
        this.#warn(`cannot read what may be a root: "${event.link}"`);
        break;
      case 'removing-stale-link':
        if (this.#verbosity > 0) {
          this.#live.print(printable(`root "${event.link}" leads to nothing any more: removed`));
        }
        break;
      case 'finding-roots':
        this.#what = 'looking for garbage';
        break;
      case 'invalid-root':
      case 'deleting':
      case 'limit-reached':
      case 'links-saving':
        break;
    }
  }

  /** For programs: what came of it. */
  done(fields: object): void {
    if (this.#isJson) this.#data.line(JSON.stringify({ type: 'done', version: 1, ...fields }));
  }

  /** Leaves the terminal as it was. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#live.clear();
    await this.#data.settled();
    await this.#talk.settled();
  }

  #tellDeleted({ name, bytesFreed }: { name: string; bytesFreed: number }): void {
    const path = printStorePath(this.#storeDir, name as StorePath);
    if (this.#isJson) {
      this.#data.line(JSON.stringify({ type: 'deleted', path, bytesFreed }));
    } else if (this.#verbosity > 0) {
      this.#live.print(printable(`deleted ${path}, ${formatBytes(bytesFreed)}`));
    }
  }

  #warn(text: string): void {
    if (this.#verbosity >= 0) this.#live.print(`warning: ${printable(text)}`);
  }

  #line(): string {
    if (this.#what !== 'deleting') return this.#what;
    const count = `${formatNumber(this.#deleted)} of ${formatCount(this.#found, 'path')}`;
    return `deleting: ${count}, ${formatBytes(this.#bytes)} freed`;
  }
}
