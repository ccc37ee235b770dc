/**
 * All that can be known to go wrong on a host before anything is changed on it: whether it can be reached, has a store
 * that can be written to, runs programs of that system, lets us become root, trusts what is sent and has room for it.
 */
import { formatBytes } from '../bytes/format-bytes.ts';
import { planCopy, type CopyPlan } from '../copy/plan.ts';
import { FerryError } from '../error.ts';
import { printStorePath, type StorePath } from '../format/store-path.ts';
import type { HostConnection } from '../host/host-connection.ts';
import type { Store } from '../store/store.ts';
import { surveyProfile, type ProfileSurvey } from './agent/agent.ts';
import { fitsSystem, type ClosureSystem } from './closure-system.ts';
import type { Host } from './fleet.ts';
import type { KnownClosures } from './known-closures.ts';

export interface CheckedHost {
  readonly host: Host;
  readonly connection: HostConnection;
  /** Closed with the connection. */
  readonly store: Store;
  readonly plan: CopyPlan;
  readonly profile: ProfileSurvey;
  /** Whether profile and activation are root's. */
  readonly asRoot: boolean;
}

export interface CheckHostOptions {
  readonly source: Store;
  readonly checkSigs?: boolean | undefined;
  readonly substitute?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly closures: KnownClosures;
  /** Paths that go along: pins. */
  readonly pinned: readonly StorePath[];
}

/** @throws FerryError that says what is in the way; nothing has been changed then */
export async function checkHost(
  host: Host,
  path: StorePath,
  connection: HostConnection,
  options: CheckHostOptions,
): Promise<CheckedHost> {
  const { source, signal, checkSigs, substitute, closures } = options;
  const { facts } = connection;
  requirePrograms(connection);
  const closureSystem = await closures.system(path);
  requireSystem(host, printStorePath(source.storeDir, path), connection, closureSystem);
  const asRoot = actsAsRoot(host, connection);
  const profile = await surveyProfile(connection, host.profile, { asRoot, signal });
  const store = await connection.openStore();
  const roots = [path, ...options.pinned];
  const closure = await closures.closure(roots);
  const plan = await planCopy(source, store, roots, { closure, checkSigs, substitute, signal });
  const { freeBytes } = facts;
  if (freeBytes !== undefined && plan.missing.length > 0 && freeBytes < plan.narSize) {
    throw new FerryError(
      'no-space',
      `"${host.name}" has room for ${formatBytes(freeBytes)}, and ${formatBytes(plan.narSize)} would go there`,
      { hint: `old generations may be in the way: ferry generations ${host.name} --remove old` },
    );
  }
  const refusal = plan.refusals[0];
  if (refusal !== undefined) {
    const refused = printStorePath(source.storeDir, refusal.path);
    throw new FerryError(
      'untrusted',
      `"${host.name}" would not take "${refused}": ${refusal.reason}`,
      {
        path: refused,
        ...(refusal.hint === undefined ? {} : { hint: refusal.hint }),
      },
    );
  }
  return { host, connection, store, plan, profile, asRoot };
}

/** @throws FerryError `not-found` where neither Nix nor ferry is there to do anything */
export function requirePrograms({ host, facts }: HostConnection): void {
  if (facts.nixStore !== undefined && facts.nixEnv !== undefined) return;
  throw new FerryError('not-found', `"${host.name}" has neither Nix nor ferry`, {
    hint: 'install one of them there; if it is there already, the login shell does not put it on PATH for commands that come over ssh',
  });
}

/**
 * Profiles of a system are root's; one below the home of the user who logs in is that user's own.
 * @throws FerryError `denied` where it takes root and there is no way to become root
 */
export function actsAsRoot(
  { name, profile, becomeRoot }: Host,
  { facts }: HostConnection,
): boolean {
  if (facts.becomesRoot.how === 'is-root') return true;
  const isOwn =
    profile.startsWith(`${facts.home}/`) ||
    profile.startsWith(`/nix/var/nix/profiles/per-user/${facts.user}/`);
  if (isOwn || becomeRoot === 'never') return false;
  if (facts.becomesRoot.how === 'impossible') {
    throw new FerryError(
      'denied',
      `cannot change "${profile}" on "${name}" as "${facts.user}": ${facts.becomesRoot.why}`,
      {
        hint: `log in as root (ssh://root@…), let "${facts.user}" use sudo, or name a profile of that user with --profile`,
      },
    );
  }
  return true;
}

function requireSystem(
  host: Host,
  printed: string,
  { facts }: HostConnection,
  closureSystem: ClosureSystem | undefined,
): void {
  const { name, system: declared } = host;
  if (declared !== undefined && !fitsSystem(declared, facts.system, facts.extraSystems)) {
    throw new FerryError(
      'conflict',
      `"${name}" is ${facts.system}, and was said to be ${declared}`,
    );
  }
  if (closureSystem === undefined) return;
  if (fitsSystem(closureSystem.system, facts.system, facts.extraSystems)) return;
  // Scripts are built anywhere and run anywhere: whoever says what they are for knows better than their derivation.
  if (declared !== undefined && closureSystem.how === 'derivation') return;
  throw new FerryError(
    'conflict',
    `cannot run "${printed}" on "${name}": it is for ${closureSystem.system}, and the host is ${facts.system}`,
    {
      path: printed,
      hint: hintFor(closureSystem, facts.system),
    },
  );
}

function hintFor({ system, how }: ClosureSystem, hostSystem: string): string {
  if (how === 'derivation') {
    return `that is what its derivation says; if it runs there all the same: --system ${hostSystem}`;
  }
  return `build it for ${hostSystem}; if the host runs ${system} too, its nix.conf says so: extra-platforms = ${system}`;
}
