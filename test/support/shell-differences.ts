/**
 * In which ways a shell that ferry opens differs from that of real Nix, for the tests that compare the two;
 * docs/shell.md tells people of each. Everything else is the same.
 */

export interface ShellDifference {
  /** A variable, or a function with its parentheses. */
  readonly name: string;
  /** Where it differs: always, only where nobody says which bash is to be taken, or only beside older releases. */
  readonly when: 'always' | 'without NIX_BUILD_SHELL' | 'before 2.34' | 'before 2.26';
  readonly why: string;
}

export const shellDifferences: readonly ShellDifference[] = [
  {
    name: '_nix_shell_clean_tmpdir()',
    when: 'always',
    why: 'it names rm by its absolute path: a pure shell may have none on its PATH',
  },
  {
    name: 'PATH',
    when: 'without NIX_BUILD_SHELL',
    why: 'nix-shell puts an empty entry first, which is the working directory',
  },
  {
    name: 'SHELL',
    when: 'without NIX_BUILD_SHELL',
    why: 'it is the absolute path of the bash that runs',
  },
  {
    name: 'BASH',
    when: 'without NIX_BUILD_SHELL',
    why: 'it is the absolute path of the bash that runs',
  },
  {
    name: '__json',
    when: 'before 2.34',
    why: 'structured attributes were a variable as well as files',
  },
  ...['NIX_BUILD_TOP', 'TMPDIR', 'TEMPDIR', 'TMP', 'TEMP'].map((name) => ({
    name,
    when: 'before 2.26' as const,
    why: 'the directory for temporary files was not one of its own',
  })),
  ...['exitHooks', 'failureHooks', 'trap'].map((name) => ({
    name,
    when: 'before 2.26' as const,
    why: 'there was no such directory to be removed',
  })),
];
