/** Symbolic links that are there at every moment: the new one takes the place of the old in one step. */
import { renameSync, symlinkSync, unlinkSync } from 'node:fs';
import { crypto } from '../format/crypto.ts';

/** Its directory must be there. @throws what the system says, untranslated: the caller knows what the link is for */
export function replaceLink(link: string, target: string): void {
  const temporary = `${link}.tmp-${process.pid}-${crypto().randomBytes(6).toString('hex')}`;
  symlinkSync(target, temporary);
  try {
    renameSync(temporary, link);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  }
}
