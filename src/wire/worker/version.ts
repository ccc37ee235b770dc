/** Versions and named features of the worker protocol: what is announced, what is accepted, what decides about fields. */
import { protocolVersion } from '../codec.ts';

/** Version 1.`minor`. */
export function v(minor: number): number {
  return protocolVersion(1, minor);
}

/** What we announce; both sides then speak the lower of the two. Nix stays at it since 2.24: what is new has a name. */
export const workerVersion: number = v(38);

/**
 * The oldest that is spoken: Nix 2.1 to 2.3, the last that people still run from before flakes. Servers older than that
 * take uploads without any framing, so that an error in the middle of one can't be told from data.
 */
export const workerVersionMin: number = v(21);

/** Realisations name the derivation by its path and not by a hash. Nix 2.35. */
export const realisationWithPath = 'realisation-with-path-not-hash';
/** Garbage collection may be limited to some paths, with or without what refers to them. Nix 2.35. */
export const deleteDeadSpecificReferrers = 'delete-dead-specific-referrers';

/** Features that are spoken here. Those for programs inside of builds aren't among them. */
export const workerFeatures: readonly string[] = [deleteDeadSpecificReferrers, realisationWithPath];
