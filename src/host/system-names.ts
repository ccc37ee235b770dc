/** Names of systems as Nix writes them, from what `uname` says. */

const KERNELS: Readonly<Record<string, string>> = {
  Linux: 'linux',
  Darwin: 'darwin',
  FreeBSD: 'freebsd',
};

const MACHINES: Readonly<Record<string, string>> = {
  amd64: 'x86_64',
  arm64: 'aarch64',
  // A kernel of 64 bits that says what a process of 32 bits sees.
  armv8l: 'armv7l',
  ppc64le: 'powerpc64le',
  ppc64: 'powerpc64',
};

/** `uname -s` and `uname -m`: `x86_64-linux`. */
export function systemOf(kernel: string, machine: string): string {
  const name = /^i[3-6]86(?:pc)?$/.test(machine) ? 'i686' : (MACHINES[machine] ?? machine);
  return `${name.toLowerCase()}-${KERNELS[kernel] ?? kernel.toLowerCase()}`;
}

/**
 * Which others it runs, by lines of nix.conf that begin with `extra-platforms =` or `extra-extra-platforms =`, separated by
 * semicolons. What Nix takes for granted where nothing is said: a 64-bit PC runs programs for 32 bits.
 */
export function extraSystemsOf(system: string, lines: string): string[] {
  let systems = system === 'x86_64-linux' ? ['i686-linux'] : [];
  for (const line of lines.split(';')) {
    const [, adds, values = ''] = /^\s*(extra-)?extra-platforms\s*=(.*)$/.exec(line) ?? [];
    const named = values.split(/\s+/).filter((value) => /^[\w-]{1,60}$/.test(value));
    if (adds !== undefined) systems.push(...named);
    else if (/^\s*extra-platforms\s*=/.test(line)) systems = named;
  }
  return [...new Set(systems)].filter((name) => name !== system);
}
