/** Groups of this machine, by name. */
import { readFileSync } from 'node:fs';

/** The id of a group in /etc/group; undefined where there is none of that name. */
export function groupIdOf(name: string): number | undefined {
  let text: string;
  try {
    text = readFileSync('/etc/group', 'utf8');
  } catch {
    return undefined;
  }
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name}:`));
  const id = line?.split(':')[2];
  return id === undefined || !/^\d+$/.test(id) ? undefined : Number(id);
}
