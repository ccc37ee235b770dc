/** What holds a path, in words: a link, a running program, a process that is just at work with it. */
import { programNameOf } from '../../store/local/running-programs.ts';
import { printable } from '../errors.ts';

export type RootDescription =
  | { readonly kind: 'link'; readonly link: string }
  | {
      readonly kind: 'process';
      readonly processId: number;
      readonly program: string | undefined;
      /** What of it uses the path: `its environment`. */
      readonly uses: readonly string[];
    }
  /** A process that holds it for as long as it works. */
  | {
      readonly kind: 'temporary';
      readonly processId: number;
      readonly program: string | undefined;
    }
  /** What a daemon doesn't tell, or another system in other words. */
  | { readonly kind: 'other'; readonly name: string };

const OTHERS: Readonly<Record<string, string>> = {
  '{censored}': 'a root that is not told',
  '{lsof}': 'a running program',
  '{database}': 'a row of the database that is no path of this store',
};

/** Holders as `findRoots` names them; those of one process are one. */
export function describeRoots(holders: Iterable<string>): RootDescription[] {
  const roots: RootDescription[] = [];
  const uses = new Map<number, Set<string>>();
  for (const holder of holders) {
    const [, id, file] = /^\/proc\/(\d+)\/(.*)$/s.exec(holder) ?? [];
    const temporary = /^\{temp:(\d+)\}$/.exec(holder)?.[1];
    if (id !== undefined) {
      const some = uses.get(Number(id)) ?? new Set();
      if (some.size === 0) {
        const processId = Number(id);
        roots.push({ kind: 'process', processId, program: programNameOf(processId), uses: [] });
      }
      uses.set(Number(id), some.add(useOf(file ?? '')));
    } else if (temporary !== undefined) {
      const processId = Number(temporary);
      roots.push({ kind: 'temporary', processId, program: programNameOf(processId) });
    } else if (holder.startsWith('{')) {
      roots.push({ kind: 'other', name: holder });
    } else {
      roots.push({ kind: 'link', link: holder });
    }
  }
  return roots.map((root) =>
    root.kind === 'process' ? { ...root, uses: [...(uses.get(root.processId) ?? [])] } : root,
  );
}

function useOf(file: string): string {
  switch (file) {
    case 'exe':
      return 'its program';
    case 'cwd':
      return 'its working directory';
    case 'maps':
      return 'a file in its memory';
    case 'environ':
      return 'its environment';
    default:
      return 'an open file';
  }
}

/** `process 123 (bash): its environment` */
export function rootText(root: RootDescription): string {
  switch (root.kind) {
    case 'link':
      return printable(root.link).replaceAll('\n', '\\x0a');
    case 'process':
      return `${processText(root)}: ${root.uses.join(', ')}`;
    case 'temporary':
      return `${processText(root)}, for as long as it works`;
    case 'other':
      return OTHERS[root.name] ?? printable(root.name);
  }
}

function processText(root: {
  readonly processId: number;
  readonly program: string | undefined;
}): string {
  const name = root.program === undefined ? '' : ` (${printable(root.program)})`;
  return `process ${root.processId}${name}`;
}
