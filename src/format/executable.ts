/**
 * What a program runs on, by its first bytes alone: ELF (System V gABI, "ELF Header"; machine numbers of the registry of the
 * Linux kernel, `elf-em.h`), Mach-O (`mach-o/loader.h`, `fat.h`), and which interpreter a script asks for (execve(2)).
 */

export type ProgramHead =
  /** The system as Nix names it. */
  | { readonly kind: 'binary'; readonly system: string }
  | { readonly kind: 'script'; readonly interpreter: string };

/** Bytes that are enough: Linux reads so many of a script's first line. */
export const programHeadBytes = 256;

/** Undefined for what is no program, or for a machine that Nix has no name for. */
export function describeProgram(head: Uint8Array): ProgramHead | undefined {
  const bytes = head.subarray(0, programHeadBytes);
  if (startsWith(bytes, '#!')) return describeScript(bytes);
  const system = startsWith(bytes, '\u007fELF') ? systemOfElf(bytes) : systemOfMachO(bytes);
  return system === undefined ? undefined : { kind: 'binary', system };
}

function describeScript(bytes: Uint8Array): ProgramHead | undefined {
  const line =
    Buffer.from(bytes)
      .toString('latin1')
      .slice(2)
      .split(/[\n\0]/, 1)[0] ?? '';
  const [interpreter = ''] = line.trim().split(/[ \t]/, 1);
  return interpreter.startsWith('/') ? { kind: 'script', interpreter } : undefined;
}

const KERNELS: Readonly<Record<number, string>> = {
  0: 'linux',
  2: 'netbsd',
  3: 'linux',
  9: 'freebsd',
  12: 'openbsd',
};
const EXECUTABLE = 2;
const SHARED = 3;
/** Of `e_flags`: floating-point numbers are passed in their own registers. */
const ARM_HARD_FLOAT = 0x400;

function systemOfElf(bytes: Uint8Array): string | undefined {
  const [width, order, version, abi] = bytes.subarray(4, 8);
  const isWide = width === 2;
  const isLittle = order === 1;
  const isKnown = (isWide || width === 1) && (isLittle || order === 2) && version === 1;
  if (!isKnown || bytes.length < (isWide ? 64 : 52)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = view.getUint16(16, isLittle);
  if (type !== EXECUTABLE && type !== SHARED) return undefined;
  const machine = view.getUint16(18, isLittle);
  const flags = view.getUint32(isWide ? 48 : 36, isLittle);
  const name = machineOfElf(machine, isWide, isLittle, flags);
  const kernel = KERNELS[abi ?? -1];
  return name === undefined || kernel === undefined ? undefined : `${name}-${kernel}`;
}

function machineOfElf(
  machine: number,
  isWide: boolean,
  isLittle: boolean,
  flags: number,
): string | undefined {
  switch (machine) {
    case 3:
      return isWide ? undefined : 'i686';
    case 8:
      return `mips${isWide ? '64' : ''}${isLittle ? 'el' : ''}`;
    case 20:
      return isWide ? undefined : `powerpc${isLittle ? 'le' : ''}`;
    case 21:
      return `powerpc64${isLittle ? 'le' : ''}`;
    case 22:
      return isWide ? 's390x' : 's390';
    case 40:
      // Which of the family isn't in the header: the oldest that passes numbers so.
      return (flags & ARM_HARD_FLOAT) === 0 ? 'armv5tel' : 'armv6l';
    case 62:
      // The other width is x32, which Nix doesn't have.
      return isWide ? 'x86_64' : undefined;
    case 183:
      return isLittle ? 'aarch64' : 'aarch64_be';
    case 243:
      return isWide ? 'riscv64' : 'riscv32';
    case 258:
      return isWide ? 'loongarch64' : undefined;
    default:
      return undefined;
  }
}

const MACHO_64 = 0xfeedfacf;
const MACHO_32 = 0xfeedface;
const MACHO_FAT = 0xcafebabe;
const CPUS: ReadonlyMap<number, string> = new Map([
  [0x00000007, 'i686-darwin'],
  [0x01000007, 'x86_64-darwin'],
  [0x0100000c, 'aarch64-darwin'],
]);

function systemOfMachO(bytes: Uint8Array): string | undefined {
  if (bytes.length < 12) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0, true);
  if (magic === MACHO_64 || magic === MACHO_32) return CPUS.get(view.getUint32(4, true));
  // One for several processors says nothing. (Classes of Java begin so too; theirs is a version, above 40.)
  const isFatOfOne = view.getUint32(0, false) === MACHO_FAT && view.getUint32(4, false) === 1;
  return isFatOfOne ? CPUS.get(view.getUint32(8, false)) : undefined;
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  return Buffer.from(bytes.subarray(0, text.length)).equals(Buffer.from(text, 'latin1'));
}
