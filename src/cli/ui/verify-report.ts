/** Tells people or programs what `ferry verify` found, and knows what the exit status is. */
import { formatBytes } from '../../bytes/format-bytes.ts';
import type { PathVerification, TrustResult, VerifySummary } from '../../copy/verify.ts';
import { FerryError, isFerryError, messageOf } from '../../error.ts';
import { formatHash } from '../../format/hash.ts';
import { printStorePath, type StorePath } from '../../format/store-path.ts';
import { signersOf } from '../../format/signature.ts';
import type { ContentsResult, Store } from '../../store/store.ts';
import { say, type CommandContext } from '../context.ts';
import { exitStatusOf, printable } from '../errors.ts';
import { LiveLines } from './live-lines.ts';
import { OrderedOutput } from './ordered-output.ts';
import { formatCount, formatNumber } from './units.ts';

/** Nothing is shown of what is over within this time, in milliseconds. */
const QUIET_MS = 250;
const REDRAW_MS = 100;
/** Of a terminal that does not say. */
const WIDTH = 80;

export interface ReportOptions {
  readonly isJson: boolean;
  /** Paths that are going to be looked at. */
  readonly total: number;
}

export class VerifyReport {
  readonly #context: CommandContext;
  readonly #store: Store;
  readonly #isJson: boolean;
  readonly #talk: OrderedOutput;
  readonly #live: LiveLines;
  #timer: NodeJS.Timeout | undefined;
  #checked = 0;
  #bytes = 0;
  readonly #data: OrderedOutput;
  readonly #damaged = new Set<StorePath>();
  readonly #repaired = new Set<StorePath>();
  readonly #untrusted = new Set<StorePath>();
  /** Of paths that couldn't be looked at: the first decides the exit status where nothing worse was found. */
  readonly #failures = new Map<StorePath, unknown>();

  constructor(context: CommandContext, store: Store, { isJson, total }: ReportOptions) {
    this.#context = context;
    this.#store = store;
    this.#isJson = isJson;
    this.#data = new OrderedOutput(context.stdout);
    this.#talk = new OrderedOutput(context.stderr);
    this.#live = new LiveLines(this.#talk);
    const { stderr, env, verbosity } = context;
    if (!stderr.isTerminal || env.variables['TERM'] === 'dumb' || verbosity < 0) return;
    const startedAt = performance.now();
    this.#timer = setInterval(() => {
      if (performance.now() - startedAt < QUIET_MS) return;
      const count = `${formatNumber(this.#checked)} of ${formatCount(total, 'path')}`;
      const line = `checking: ${count}, ${formatBytes(this.#bytes)} read`;
      this.#live.draw([line.slice(0, (stderr.width() || WIDTH) - 1)]);
    }, REDRAW_MS);
    this.#timer.unref();
  }

  /** So much more was read. */
  bytes(count: number): void {
    this.#bytes += count;
  }

  /** Leaves the terminal as it was, also after a failure. */
  close(): void {
    clearInterval(this.#timer);
    this.#live.clear();
  }

  result(found: PathVerification): void {
    const { path, contents, trust } = found;
    this.#checked++;
    const problem = contents && problemOf(contents);
    if (contents?.state === 'failed') {
      this.#failures.set(path, contents.error);
      this.#line(path, `could not be checked: ${messageOf(contents.error)}`);
    } else if (problem !== undefined) {
      this.problem(path, problem);
    }
    if (trust?.isTrusted === false) {
      this.#untrusted.add(path);
      this.#line(path, `is not trusted: ${whyUntrusted(found, trust)}`);
    } else if (problem === undefined && this.#context.verbosity > 0) {
      this.#live.print(`path "${this.#print(path)}" is good${whyTrusted(trust)}`);
    }
    if (this.#isJson) this.#event(this.#toJson(found));
  }

  /** What is wrong with a path itself. */
  problem(path: StorePath, problem: string): void {
    this.#damaged.add(path);
    this.#line(path, `is damaged: ${problem}`);
  }

  /** A path that was told of is whole again. */
  repaired(path: StorePath, from: string): void {
    this.#repaired.add(path);
    this.#failures.delete(path);
    if (this.#context.verbosity >= 0) {
      this.#live.print(`repaired path "${this.#print(path)}" from "${printable(from)}"`);
    }
    if (this.#isJson) this.#event({ type: 'repaired', path: this.#print(path), from });
  }

  repairFailed(path: StorePath, error: FerryError): void {
    this.#live.print(`error: ${printable(messageOf(error))}`);
    if (error.hint !== undefined) this.#live.print(`hint: ${printable(error.hint)}`);
    const told = { path: this.#print(path), error: messageOf(error) };
    if (this.#isJson) this.#event({ type: 'repair-failed', ...told });
  }

  substituterFailed({ uri }: Store, error: unknown): void {
    this.#live.print(`warning: cannot ask "${uri}" for signatures: ${printable(messageOf(error))}`);
  }

  /** @returns the exit status */
  async finish(summary: VerifySummary): Promise<number> {
    const damaged = this.#damaged.size;
    const repaired = this.#repaired.size;
    const untrusted = this.#untrusted.size;
    const unchecked = this.#failures.size;
    if (this.#isJson) {
      const { checked, narSize } = summary;
      const found = { damaged, repaired, untrusted, unchecked };
      this.#event({ type: 'done', version: 1, checked, narSize, ...found });
    }
    this.close();
    await this.#data.settled();
    await this.#talk.settled();
    const findings = [
      ...(damaged > 0 ? [`${formatCount(damaged, 'path')} damaged`] : []),
      ...(repaired > 0 ? [`${formatCount(repaired, 'path')} repaired`] : []),
      ...(untrusted > 0 ? [`${formatCount(untrusted, 'path')} not trusted`] : []),
      ...(unchecked > 0 ? [`${formatCount(unchecked, 'path')} not checked`] : []),
    ];
    const checked = `checked ${formatCount(summary.checked, 'path')}, ${formatBytes(summary.narSize)}`;
    await say(this.#context, `${checked}: ${findings.join(', ') || 'nothing is wrong'}`);
    if (this.#damaged.difference(this.#repaired).size > 0) {
      return exitStatusOf(new FerryError('corrupt', ''));
    }
    const [failure] = this.#failures.values();
    if (unchecked > 0) return exitStatusOf(failure);
    return untrusted > 0 ? exitStatusOf(new FerryError('untrusted', '')) : 0;
  }

  #event(event: object): void {
    this.#data.line(JSON.stringify(event));
  }

  #line(path: StorePath, what: string): void {
    this.#live.print(`error: path "${this.#print(path)}" ${printable(what)}`);
  }

  #print(path: StorePath): string {
    return printStorePath(this.#store.storeDir, path);
  }

  #toJson({ path, contents, trust }: PathVerification): object {
    const state = contents?.state ?? null;
    return {
      type: 'path',
      path: this.#print(path),
      contents: state,
      ...(contents?.state === 'modified'
        ? { expected: formatHash(contents.expected, 'sri'), got: shownHash(contents) }
        : {}),
      ...(contents?.state === 'failed' ? { error: messageOf(contents.error) } : {}),
      isTrusted: trust?.isTrusted ?? null,
      because: trust?.because ?? null,
      signedBy: trust?.signedBy ?? [],
    };
  }
}

function problemOf(result: ContentsResult): string | undefined {
  switch (result.state) {
    case 'whole':
    case 'failed':
      return undefined;
    case 'not-valid':
      return 'it is not valid any more';
    case 'disappeared':
      return 'its files are gone';
    case 'modified': {
      const got = shownHash(result);
      if (got === null) return isFerryError(result.error) ? result.error.message : 'it differs';
      return `its contents have the hash ${got} instead of ${formatHash(result.expected, 'sri')}`;
    }
  }
}

function shownHash({ got }: ContentsResult & { readonly state: 'modified' }): string | null {
  return got === undefined ? null : formatHash(got, 'sri');
}

function whyUntrusted({ info }: PathVerification, { signedBy, needed }: TrustResult): string {
  const others = signersOf(info?.signatures ?? []).filter((name) => !signedBy.includes(name));
  const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');
  const has = others.length === 0 ? '' : `, it has only ${quoted(others)}`;
  if (signedBy.length === 0 && needed === 1) return `it lacks a signature by a trusted key${has}`;
  const by = signedBy.length === 0 ? '' : `, by ${quoted(signedBy)}`;
  return `it has ${signedBy.length} of ${needed} signatures by trusted keys${by}`;
}

function whyTrusted(trust: TrustResult | undefined): string {
  if (trust?.because === 'content-addressed') return ': named by its contents';
  if (trust !== undefined && trust.signedBy.length > 0) {
    return `: signed by ${trust.signedBy.map((name) => `"${name}"`).join(', ')}`;
  }
  return trust?.because === 'ultimate' ? ': built there' : '';
}
