/** How a file of the Nix language becomes a development shell: options of the commands that take one. */
import type { OptionValues } from './command.ts';
import type { ShellExpression } from './instantiate-shell.ts';

type ExpressionOptions = {
  readonly attr: { readonly help: string; readonly short: 'A'; readonly value: string };
  readonly arg: { readonly help: string; readonly value: string; readonly repeated: true };
  readonly argstr: { readonly help: string; readonly value: string; readonly repeated: true };
  readonly include: {
    readonly help: string;
    readonly short: 'I';
    readonly value: string;
    readonly repeated: true;
  };
};

export const shellExpressionOptions: ExpressionOptions = {
  attr: { help: 'which attribute of the file', short: 'A', value: 'ATTRIBUTE' },
  arg: { help: 'what a function in the file is given', value: 'NAME EXPRESSION', repeated: true },
  argstr: { help: 'the same, as a text', value: 'NAME TEXT', repeated: true },
  include: { help: 'where <…> is looked for', short: 'I', value: 'PATH', repeated: true },
};

/** What they say. */
export function shellExpressionOf({
  attr,
  arg,
  argstr,
  include,
}: Pick<OptionValues<ExpressionOptions>, 'attr' | 'arg' | 'argstr' | 'include'>): Omit<
  ShellExpression,
  'file' | 'storeUri'
> {
  return {
    attribute: attr,
    arguments: [...pairs('--arg', arg), ...pairs('--argstr', argstr)],
    lookup: include.flatMap((path) => ['-I', path]),
  };
}

/** `NAME=VALUE` of each, as words for Nix. */
function pairs(flag: string, given: readonly string[]): string[] {
  return given.flatMap((pair) => {
    const at = pair.indexOf('=');
    return [flag, pair.slice(0, at), pair.slice(at + 1)];
  });
}
