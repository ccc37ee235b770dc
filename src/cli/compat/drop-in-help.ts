/** `--help` and `--version` of a program of Nix that we stand in for. */
import type { Command } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { versionLine } from './nix-words.ts';

export interface DropIn {
  readonly program: string;
  /** One line, imperative, no full stop. */
  readonly summary: string;
  readonly command: Command;
}

/** @returns the exit status */
export async function answerInstead(
  { stdout }: CommandContext,
  asks: 'help' | 'version',
  { program, summary, command }: DropIn,
): Promise<number> {
  if (asks === 'version') {
    await stdout.write(versionLine(program));
    return 0;
  }
  const { commandHelp } = await import('../help.ts');
  const style = { width: stdout.width(), heading: (text: string) => text };
  await stdout.write(commandHelp(program, summary, command, style));
  return 0;
}
