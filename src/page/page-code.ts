/**
 * The page's script and style. In a checkout they are bundled at the moment they are needed, so they are never older
 * than their sources; where ferry was built, `rolldown.config.ts` put what was bundled then in the place of this file.
 */
import { FerryError } from '../error.ts';

export interface PageCode {
  readonly script: string;
  readonly style: string;
}

let bundled: Promise<PageCode> | undefined;

/** @throws FerryError `unavailable` in a checkout without the packages it is developed with. */
export function loadPageCode(): Promise<PageCode> {
  bundled ??= bundle();
  return bundled;
}

async function bundle(): Promise<PageCode> {
  try {
    const { bundlePage } = await import('./bundle-page.ts');
    return await bundlePage(import.meta.dirname);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FerryError('unavailable', `cannot bundle the page of a closure: ${why}`, {
      cause,
      hint: 'install what ferry is developed with (npm ci), or build it (npm run build)',
    });
  }
}
