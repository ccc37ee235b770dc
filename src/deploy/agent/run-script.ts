/** Runs one of the scripts on a host, and translates what it complains about. */
import { FerryError, type ErrorCode } from '../../error.ts';
import type { HostConnection, HostRunOptions } from '../../host/host-connection.ts';
import { plainText } from '../../wire/transport.ts';

export interface AgentOptions {
  /** Whether the profile is root's, and so all that is done for it. Default false: of the user who logs in. */
  readonly asRoot?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The codes that scripts use. */
const codes: readonly ErrorCode[] = [
  'usage',
  'not-found',
  'conflict',
  'denied',
  'no-space',
  'corrupt',
  'failed',
];

/**
 * @param doing for messages: `activate "/nix/store/…"`
 * @returns what it printed
 * @throws FerryError what it complained of by `error CODE TEXT`, `failed` where it ended otherwise than it should
 */
export async function runScript(
  connection: HostConnection,
  doing: string,
  script: string,
  options: HostRunOptions,
): Promise<string> {
  const what = `cannot ${doing} on "${connection.host.name}"`;
  const { status, stdout, stderr } = await connection.run(script, options);
  const [, word, text] = /^error ([a-z-]+) ([^\n]*)\n?$/.exec(stdout) ?? [];
  const code = codes.find((known) => known === word);
  if (code !== undefined) throw new FerryError(code, `${what}: ${printable(text ?? '')}`);
  if (status === 0) return stdout;
  const last = stderr.trim().split('\n').at(-1) ?? '';
  const why = last === '' ? '' : `: ${printable(last).slice(0, 300)}`;
  throw new FerryError('failed', `${what}: the script for it ended with status ${status}${why}`);
}

/** A line fit for a terminal: what would move its cursor, or turn what is read around, is left out. */
export function printable(line: string): string {
  return plainText(line)
    .replaceAll('\t', '  ')
    .replaceAll(/[\n\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '');
}
