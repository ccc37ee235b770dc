/** `ferry shell copy`: a development shell to a machine that shall start it without a network. */
import { defineCommand, type Command } from '../command.ts';
import { usage } from '../parse-words.ts';
import { runShellCopy } from '../run-shell-copy.ts';
import { shellExpressionOf, shellExpressionOptions } from '../shell-expression-options.ts';

const TITLE = 'ferry shell copy';

export const shellCopy: Command = defineCommand({
  description: [
    'SHELL is a shell.nix or default.nix or the directory that it is in, a derivation, a link to one, a shell of a flake (.#name), or the NAME of a shell that was copied here; by default it is what is in the working directory. Files and flakes are evaluated by the Nix of this machine, as nix-shell does it.',
    'Copied are the derivation with all derivations and sources that it refers to, and the outputs that it is built from with all that they refer to. What of these is not here yet is fetched or built here first. Where they are then, "ferry shell" and plain nix-shell start with no network and build nothing.',
    'Links keep all of it there: those of root in gcroots/ferry-shells/NAME of the state directory of the store, those of other users in ferry/shells/NAME of $XDG_STATE_HOME. NAME is that of the directory of the file, or of the derivation, unless --root says otherwise; a shell that was copied under the same name before is kept no longer. A binary cache needs none.',
    'The commands to type there are printed on stdout. Plain nix-shell wants a bash besides: NIX_BUILD_SHELL names one, that of the stdenv where there is one; for one that knows the keys of a terminal, --with /nix/store/…-bash-interactive.',
    'With --json there is one JSON object per line on stdout for each event, the last one of type "shell"; with --dry-run as well it is one object, the plan.',
  ],
  arguments: [
    {
      name: 'SHELL',
      help: 'a file, a directory, a derivation, a link to one, a flake, or a name',
      optional: true,
      completes: 'file',
    },
  ],
  options: {
    to: { help: 'the store to copy to', value: 'STORE', completes: 'store' },
    from: { help: 'the store to copy from', value: 'STORE', completes: 'store' },
    ...shellExpressionOptions,
    root: { help: 'the name by which it is kept and entered there', value: 'NAME' },
    with: {
      help: 'copy this too: a store path, or a file, which is added to the store',
      value: 'PATH',
      repeated: true,
      completes: 'file',
    },
    dryRun: { help: 'say what would be copied, and whether it would be taken', short: 'n' },
    json: { help: 'tell programs, in JSON' },
    noCheckSigs: { help: 'take paths that lack a signature by a trusted key' },
    substituteOnDestination: {
      help: 'let the destination fetch what it can from its own substituters',
      short: 's',
    },
    gzip: { help: 'compress what goes through ssh (ssh -C): for slow links' },
  },
  examples: [
    {
      meaning: 'what nix-shell would enter here, to a server',
      command: 'ferry shell copy --to ssh://alice@server',
    },
    {
      meaning: 'one of several, with the nixpkgs that it was made of',
      command:
        'ferry shell copy shells.nix -A tools --root tools --with ./nixpkgs --to ssh://alice@server',
    },
    {
      meaning: 'how much that would be',
      command: 'ferry shell copy --dry-run shell.nix --to ssh://alice@server',
    },
  ],
  async run(context, [word], options) {
    const { to, from, root, noCheckSigs, ...rest } = options;
    if (to === undefined) throw usage(TITLE, 'no --to was given', `${TITLE} --to ssh://HOST`);
    return await runShellCopy(context, {
      ...rest,
      word,
      to,
      from,
      expression: shellExpressionOf(options),
      name: root,
      others: rest.with,
      checkSigs: !noCheckSigs,
      substitute: rest.substituteOnDestination,
    });
  },
});
