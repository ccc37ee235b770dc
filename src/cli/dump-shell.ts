/** Runs the setup of a development shell in a bash of its own, and reads what became of the environment. */
import { fromByteString, isAscii, utf8ByteString, type ByteString } from '../bytes/byte-string.ts';
import { FerryError } from '../error.ts';
import {
  dumpSizeMax,
  formatDumpScript,
  parseDump,
  type EnvironmentDump,
} from '../shell/environment-dump.ts';
import { prepareShell, type PreparedShell } from '../shell/prepare-shell.ts';
import { startProcess } from '../system/process.ts';
import type { CommandContext } from './context.ts';
import type { GatheredShell } from './open-shell.ts';

export interface DumpedShell {
  readonly dump: EnvironmentDump;
  /** The temporary directory that it was made in, which is gone. */
  readonly directory: ByteString;
  readonly files: ReadonlyMap<string, ByteString>;
}

/** @throws FerryError `failed` where the setup ends bash, `protocol` */
export async function dumpShell(
  context: CommandContext,
  { derivation, options }: GatheredShell,
  onLine: (line: string) => void,
): Promise<DumpedShell> {
  const shell = prepareShell(derivation, {
    ...options,
    isPure: true,
    isInteractive: false,
    script: ({ attributesScript, variables }) => formatDumpScript(attributesScript, variables),
  });
  try {
    const bytes = await outputOf(shell, context, onLine);
    const directory = utf8ByteString(shell.directory);
    return { dump: parseDump(bytes), directory, files: shell.files };
  } finally {
    shell.discard();
  }
}

async function outputOf(
  { program, args, variables }: PreparedShell,
  { cwd, signal }: CommandContext,
  onLine: (line: string) => void,
): Promise<Uint8Array> {
  signal.throwIfAborted();
  // Node passes text. What isn't is set by the script, which has it as bytes.
  const env = Object.fromEntries([...variables].filter(([name, value]) => isAscii(name + value)));
  const words = args.slice(1).map((word) => Buffer.from(fromByteString(word)).toString('utf8'));
  const bash = await startProcess(program, words, { env, cwd, onStderrLine: onLine });
  const onAbort = (): void => void bash.abort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    bash.end();
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of bash.readable as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      if (size > dumpSizeMax) {
        throw new FerryError('protocol', `the setup printed more than ${dumpSizeMax} bytes`);
      }
      chunks.push(chunk);
    }
    const { status, signal: killedBy } = await bash.exited;
    signal.throwIfAborted();
    if (status === 0) return Buffer.concat(chunks);
    throw new FerryError(
      'failed',
      `the setup of the shell ended with ${killedBy ?? `status ${status}`}`,
    );
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    await bash.abort();
  }
}
