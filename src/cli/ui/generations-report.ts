/** What `ferry generations` prints of each profile, as it becomes known. */
import type { Output } from '../context.ts';
import { describeError, exitStatusOf } from '../errors.ts';
import { jsonError } from './deploy-json.ts';
import { lineText } from './deploy-state.ts';
import {
  generationsJson,
  generationsLines,
  type GenerationsStyle,
  type ListedProfile,
} from './render-generations.ts';
import { formatCount } from './units.ts';

/** Whose profile it is. */
export interface ProfileOwner {
  /** Undefined is this machine. */
  readonly host: string | undefined;
  readonly profile: string;
}

export interface GenerationsReportOptions extends GenerationsStyle {
  readonly isJson: boolean;
}

export class GenerationsReport {
  readonly #output: Output;
  readonly #options: GenerationsReportOptions;
  readonly #errors: unknown[] = [];
  #count = 0;

  constructor(output: Output, options: GenerationsReportOptions) {
    this.#output = output;
    this.#options = options;
  }

  async listed(owner: ProfileOwner, survey: ListedProfile): Promise<void> {
    const title = owner.host === undefined ? owner.profile : `${owner.host}  ${owner.profile}`;
    await this.#tell(owner, { ...generationsJson(survey), error: null }, () => [
      ...this.#separator(),
      ...generationsLines(title, survey, this.#options),
    ]);
  }

  /** Those that would go. */
  async chosen(owner: ProfileOwner, numbers: readonly number[]): Promise<void> {
    await this.#tell(owner, { wouldRemove: numbers, error: null }, () => [
      removalText(owner, numbers, 'would remove'),
    ]);
  }

  async removed(owner: ProfileOwner, numbers: readonly number[]): Promise<void> {
    await this.#tell(owner, { removed: numbers, error: null }, () => [
      removalText(owner, numbers, 'removed'),
    ]);
  }

  async failed(owner: ProfileOwner, error: unknown): Promise<void> {
    this.#errors.push(error);
    const { paint, verbosity } = this.#options;
    const mark = (text: string): string =>
      paint(text.startsWith('hint') ? 'cyan' : ['red', 'bold'], text);
    await this.#tell(owner, { error: jsonError(error) }, () => [
      ...this.#separator(),
      paint('bold', `${nameOf(owner)}:`),
      ...describeError(error, { verbosity, mark }).map(
        (line) => `  ${line.replaceAll('\n', '\n  ')}`,
      ),
    ]);
  }

  /** @returns the exit status: where all that failed did so in one way, that of this way */
  async done(): Promise<number> {
    const kinds = new Set(this.#errors.map(exitStatusOf));
    const [first = 0] = kinds;
    const status = kinds.size > 1 ? 1 : first;
    if (this.#options.isJson) {
      await this.#write([
        JSON.stringify({ type: 'done', version: 1, profiles: this.#count, status }),
      ]);
    }
    return status;
  }

  /** Blocks of lines are apart. */
  #separator(): string[] {
    return this.#count === 0 ? [] : [''];
  }

  async #tell(owner: ProfileOwner, fields: object, lines: () => string[]): Promise<void> {
    const { host, profile } = owner;
    const shown = this.#options.isJson
      ? [JSON.stringify({ type: 'profile', host: host ?? null, profile, ...fields })]
      : lines();
    this.#count++;
    await this.#write(shown);
  }

  async #write(lines: readonly string[]): Promise<void> {
    await this.#output.write(lines.map((line) => `${line}\n`).join(''));
  }
}

/** `web1: removed generations 3, 4` */
export function removalText(
  owner: ProfileOwner,
  numbers: readonly number[],
  what: 'removed' | 'would remove',
): string {
  if (numbers.length === 0) return `${nameOf(owner)}: no generation to remove`;
  const word = numbers.length === 1 ? 'generation' : 'generations';
  return `${nameOf(owner)}: ${what} ${word} ${numbers.join(', ')}`;
}

/** What is asked before. */
export function removalQuestion(counts: readonly number[]): string {
  const all = counts.reduce((sum, count) => sum + count, 0);
  const generations = formatCount(all, 'generation');
  const hosts = counts.filter((count) => count > 0).length;
  const where = hosts > 1 ? ` of ${formatCount(hosts, 'profile')}` : '';
  return `remove ${generations}${where}? [y/N] `;
}

function nameOf({ host, profile }: ProfileOwner): string {
  return lineText(host ?? profile);
}
