/** Says what is to be typed where a shell was copied to: the commands on stdout, all else on stderr. */
import { printStorePath } from '../../format/store-path.ts';
import { nixShellCommand, rootsOf } from '../../shell/build-closure.ts';
import { quoteShellWord } from '../../system/shell-words.ts';
import { say, type CommandContext } from '../context.ts';
import { printable } from '../errors.ts';
import type { CopiedShell } from '../run-shell-copy.ts';

export async function tellShellCopied(
  context: CommandContext,
  shell: CopiedShell,
  { json }: { readonly json: boolean },
): Promise<void> {
  const { closure, storeDir, name, rooted, others } = shell;
  const commands = commandsFor(shell);
  if (json) {
    const line = {
      type: 'shell',
      version: 1,
      name: rooted === undefined ? null : name,
      derivation: printStorePath(storeDir, closure.drv),
      paths: rootsOf(closure).map((path) => printStorePath(storeDir, path)),
      with: others.map(({ word, path }) => ({ word, path: printStorePath(storeDir, path) })),
      directory: rooted?.directory ?? null,
      wasThere: rooted?.wasThere ?? null,
      commands,
    };
    await context.stdout.write(`${JSON.stringify(line)}\n`);
    return;
  }
  const lines =
    rooted === undefined
      ? [`nothing keeps it in "${shell.uri}", and nothing collects it there; where it is wanted:`]
      : [
          `${rooted.wasThere ? 'kept there already' : 'kept there'} by the links in ${rooted.directory}`,
          commands.length > 1 ? 'to enter it there, either of:' : 'to enter it there:',
        ];
  for (const line of lines) await say(context, printable(line));
  for (const command of commands) await context.stdout.write(`${command}\n`);
}

function commandsFor(shell: CopiedShell): string[] {
  const { closure, storeDir, name, uri, rooted, hasFerry, hasNix } = shell;
  if (rooted === undefined) {
    const drv = quoteShellWord(printStorePath(storeDir, closure.drv));
    return [`ferry shell copy ${drv} --from ${quoteShellWord(uri)} --to auto`];
  }
  return [
    ...(hasFerry ? [`ferry shell ${name}`] : []),
    ...(hasNix ? [nixShellCommand(storeDir, closure)] : []),
  ];
}
