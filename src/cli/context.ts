/** What a command is given: the streams, the environment and when to stop. Commands know no `process`. */
import type { Environment } from '../config/environment.ts';

export interface Input extends AsyncIterable<Uint8Array> {
  /** To be called by who reads a lot: a pipe then holds more at a time. */
  widen?(): Promise<void>;
}

export interface Output {
  readonly isTerminal: boolean;
  /** Whether colours are wanted on it. */
  readonly hasColours: boolean;
  /** Columns, as they are at the moment. */
  width(): number;
  /** Lines, as they are at the moment; undefined where it is no terminal. */
  height?(): number | undefined;
  /** Resolves when more can be written. Rejects with `BrokenPipe` when nobody reads any more. */
  write(data: string | Uint8Array): Promise<void>;
  /** To be called by who writes a lot: a pipe then holds more at a time. */
  widen?(): Promise<void>;
}

export interface CommandContext {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Environment;
  readonly cwd: string;
  readonly signal: AbortSignal;
  /** -1 with `--quiet`, 0 as a rule, one more for each `-v`. */
  readonly verbosity: number;
  /** Settings given with `--option`. */
  readonly overrides: ReadonlyMap<string, string>;
}

/** Nobody reads our stdout any more: a reason to end, not to complain. */
export class BrokenPipe extends Error {
  override readonly name = 'BrokenPipe';
}

/** A signal told us to stop. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly status: number;

  constructor(signalName: string, signalNumber: number) {
    super(`stopped by ${signalName}`);
    this.status = 128 + signalNumber;
  }
}

/** A line of talk on stderr, unless `--quiet`. */
export async function say(context: CommandContext, line: string): Promise<void> {
  if (context.verbosity >= 0) await context.stderr.write(`${line}\n`);
}
