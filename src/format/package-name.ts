/** Package and version as the name of a store path tells them. Nix reads them the same way: a guess that mostly holds. */

export interface PackageName {
  readonly name: string;
  /** '' where there is none. */
  readonly version: string;
}

/** Of the name of a store path (`nameOf`): `glibc-2.38-66-bin` is version 2.38-66 of glibc. */
export function packageOf(name: string): PackageName {
  return splitPackageName(withoutOutput(name));
}

/** The version begins at the first dash that no letter follows: `python3.11-foo-1.2`. Without one it is ''. */
export function splitPackageName(text: string): PackageName {
  const at = /-[^A-Za-z]/.exec(text)?.index;
  return at === undefined
    ? { name: text, version: '' }
    : { name: text.slice(0, at), version: text.slice(at + 1) };
}

/** `glibc-2.38-bin` is the output `bin` of `glibc-2.38`. A version such as `unstable` looks just like one. */
function withoutOutput(name: string): string {
  return /^(.*)-(?:[a-z]+|lib32|lib64)$/.exec(name)?.[1] ?? name;
}
