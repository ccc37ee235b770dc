/** `--substitute-on-destination`: who fetches at which kind of destination, and what is said where nobody does. */
import type { OnCopyEvent } from '../copy/events.ts';
import { substituting } from '../copy/substituting.ts';
import type { Store } from '../store/store.ts';
import { asLocalStore } from './as-local-store.ts';
import { printable } from './errors.ts';
import { joinConfigured } from './join-substituters.ts';
import type { Session } from './session.ts';

/**
 * The destination as one that fetches when it is told to. Far ends and daemons do so by themselves; for stores on this
 * machine ferry does it, with the substituters of this machine's nix.conf. A binary cache fetches nothing.
 */
export function fetchingDestination(
  session: Session,
  destination: Store,
  onEvent?: OnCopyEvent,
): Store {
  if (destination.features.has('substitute') || asLocalStore(destination) === undefined) {
    return destination;
  }
  if (!session.settings.substitute) return destination;
  return substituting(destination, () => joinConfigured(session, destination), {
    onEvent,
    onWarning: (message) => session.onLine(printable(`warning: ${message}`)),
  });
}

/** Why nothing will be fetched at a destination that was told to, if so. */
export function whyNothingIsFetched(session: Session, destination: Store): string | undefined {
  if (destination.features.has('substitute')) return undefined;
  if (asLocalStore(destination) === undefined) {
    return `--substitute-on-destination has no effect: "${destination.uri}" does not fetch by itself`;
  }
  return session.settings.substitute
    ? undefined
    : '--substitute-on-destination has no effect: the setting substitute is false';
}
