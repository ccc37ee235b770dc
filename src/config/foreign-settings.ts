/**
 * Settings of Nix and its relatives that ferry has no use for. They are known so that a mistyped name can be told from
 * one that is for others, and so that a daemon gets what is meant for it.
 */

export interface ForeignSetting {
  /** How it is written on the command line of Nix: `--NAME`, `--NAME VALUE`, and `--extra-NAME VALUE` as well. */
  readonly shape: 'switch' | 'value' | 'list';
  /** Whether a client tells it to its daemon. */
  readonly isForwarded: boolean;
}

// Of what builds: a daemon is told these.
const FORWARDED_SWITCHES =
  'auto-allocate-uids compress-build-log build-compress-log enforce-determinism filter-syscalls impersonate-linux-26 build-impersonate-linux-26 keep-failed keep-going keep-build-log build-keep-log keep-env-derivations env-keep-derivations print-missing require-drop-supplementary-groups run-diff-hook sandbox build-use-chroot build-use-sandbox sandbox-fallback use-cgroups darwin-log-sandbox-violations';
const FORWARDED_VALUES =
  'build-dir build-poll-interval builders diff-hook id-count log-lines max-build-log-size build-max-log-size max-jobs build-max-jobs max-silent-time build-max-silent-time min-free-check-interval pre-build-hook repeat build-repeat sandbox-build-dir sandbox-dev-shm-size start-id system timeout build-timeout';
const FORWARDED_LISTS =
  'allowed-impure-host-deps extra-platforms hashed-mirrors sandbox-paths build-chroot-dirs build-sandbox-paths system-features';
// Of what evaluates, fetches sources or talks, and what may be secret.
const OTHER_SWITCHES =
  'abort-on-warn accept-flake-config allow-dirty allow-dirty-locks allow-import-from-derivation allow-new-privileges allow-unsafe-native-code-during-evaluation debugger-on-trace debugger-on-warn enable-core-dumps eval-cache ignore-try lazy-trees nix-shell-always-looks-for-shell-nix nix-shell-shebang-arguments-relative-to-script preallocate-contents pure-eval restrict-eval show-trace trace-function-calls trace-import-from-derivation trace-verbose trust-tarballs-from-git-forges use-registries warn-dirty warn-short-path-literals';
const OTHER_VALUES =
  'bash-prompt bash-prompt-prefix bash-prompt-suffix build-hook commit-lock-file-summary commit-lockfile-summary eval-attrset-update-layer-rhs-threshold eval-cores eval-profile-file eval-profiler eval-profiler-frequency eval-system external-builders flake-registry json-log-path lint-absolute-path-literals lint-short-path-literals lint-url-literals max-call-depth tarball-ttl temp-dir upgrade-nix-store-path-url';
const OTHER_LISTS =
  'access-tokens allowed-uris deprecated-features impure-env nix-path plugin-files repl-overlays';

export const foreignSettings: ReadonlyMap<string, ForeignSetting> = new Map([
  ...named(FORWARDED_SWITCHES, { shape: 'switch', isForwarded: true }),
  ...named(FORWARDED_VALUES, { shape: 'value', isForwarded: true }),
  ...named(FORWARDED_LISTS, { shape: 'list', isForwarded: true }),
  ...named(OTHER_SWITCHES, { shape: 'switch', isForwarded: false }),
  ...named(OTHER_VALUES, { shape: 'value', isForwarded: false }),
  ...named(OTHER_LISTS, { shape: 'list', isForwarded: false }),
]);

function named(names: string, setting: ForeignSetting): [string, ForeignSetting][] {
  return names.split(' ').map((name) => [name, setting]);
}
