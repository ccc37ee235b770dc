/**
 * What bash reads when a development shell starts: it takes the derivation's environment in as a builder would, keeps
 * what the user has, and runs what was asked for. Same steps, same order, same traces (functions, traps, options) as
 * nix-shell. (Nix manual, "nix-shell".)
 */
import type { ByteString } from '../bytes/byte-string.ts';
import { quoteForBash } from './bash-words.ts';

export interface RcOptions {
  /** Removed when the shell ends. */
  readonly directory: ByteString;
  /** The program `rm`: nix-shell looks for it on the PATH of the shell, where a pure one may have none. */
  readonly remover: ByteString;
  readonly isPure: boolean;
  readonly isRoot: boolean;
  /** Absolute path of the shell. */
  readonly shell: ByteString;
  /** What is put before PATH, so that this shell is found by its name. */
  readonly shellDirectory?: ByteString | undefined;
  /** Commands that set the structured attributes. */
  readonly attributesScript: ByteString;
  /** TZ as it was around the shell: setup may have changed it. */
  readonly timeZone?: ByteString | undefined;
  /** What to run in the end; a line of its own after it ends the shell. */
  readonly command?: ByteString | undefined;
}

const RED = 31;
const GREEN = 32;

export function formatRcFile(options: RcOptions): ByteString {
  const { directory, remover, isPure, isRoot, shellDirectory, attributesScript, timeZone } =
    options;
  const shell = quoteForBash(options.shell);
  const prompt = String.raw`'\n\[\033[1;${isRoot ? RED : GREEN}m\][nix-shell:\w]\$\[\033[0m\] '`;
  // Bash reads a line to its end before it runs any of it. So what stands together here decides which aliases and
  // options hold for what comes after, and the lines end where those of nix-shell do.
  const before = [
    `_nix_shell_clean_tmpdir() { command ${quoteForBash(remover)} -rf ${quoteForBash(directory)}; }`,
    'trap _nix_shell_clean_tmpdir EXIT',
    'exitHooks+=(_nix_shell_clean_tmpdir)',
    'failureHooks+=(_nix_shell_clean_tmpdir)',
    ...(isPure ? [] : ['[ -n "$PS1" ] && [ -e ~/.bashrc ] && source ~/.bashrc', 'p=$PATH']),
    'unset PATH',
    'dontAddDisableDepTrack=1',
  ];
  const after = [
    '[ -e $stdenv/setup ] && source $stdenv/setup',
    ...(isPure ? [] : ['PATH=$PATH:$p', 'unset p']),
    ...(shellDirectory === undefined ? [] : [`PATH=${quoteForBash(shellDirectory)}:"$PATH"`]),
    `SHELL=${shell}`,
    `BASH=${shell}`,
    'set +e',
    `[ -n "$PS1" -a -z "$NIX_SHELL_PRESERVE_PROMPT" ] && PS1=${prompt}`,
    'if [ "$(type -t runHook)" = function ]; then runHook shellHook; fi',
    'unset NIX_ENFORCE_PURITY',
    'shopt -u nullglob',
    'unset TZ',
    ...(timeZone === undefined ? [] : [`export TZ=${quoteForBash(timeZone)}`]),
    'shopt -s execfail',
  ];
  const command = options.command === undefined ? '' : `${options.command}\nexit`;
  const lines = [before.join('; '), attributesScript, `${after.join('; ')}; ${command}`];
  return lines.join('\n') as ByteString;
}
