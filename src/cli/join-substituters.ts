/** The substituters that the settings or the command line name, as one store for the store that wants their paths. */
import { loadTrustedKeys } from '../config/trusted-keys.ts';
import { uriWithoutSecrets } from '../config/uri-without-secrets.ts';
import type { PathInfo } from '../format/path-info.ts';
import { refusalOf } from '../store/local/trust.ts';
import type { Refusal, Store } from '../store/store.ts';
import { joinSubstituters, type SubstituterStore } from '../store/wrap/substituters.ts';
import { printable } from './errors.ts';
import type { Session } from './session.ts';

export interface JoinRequest {
  /** Instead of those in the settings. */
  readonly uris?: readonly string[] | undefined;
  /** Default true. */
  readonly checkSigs?: boolean | undefined;
  /** What is not to be believed, instead of what the destination or the settings refuse. */
  readonly refuses?: ((infos: Iterable<PathInfo>) => Refusal[]) | undefined;
}

/** Opens none: each is opened when it is first asked, and closed with the session. Warnings go where its lines go. */
export function joinConfigured(
  session: Session,
  destination: Store,
  { uris, checkSigs = true, refuses: given }: JoinRequest = {},
): SubstituterStore {
  const { settings } = session;
  const configured = settings.substitute ? settings.substituters : [];
  const refuses =
    given ?? destination.refuses?.bind(destination) ?? refusesBySettings(session, destination);
  return session.use(
    joinSubstituters(
      [...new Set(uris ?? configured)].map((uri) => ({
        uri: uriWithoutSecrets(uri),
        open: () => session.open(uri),
      })),
      {
        storeDir: destination.storeDir,
        jobsMax: settings.maxSubstitutionJobs,
        refuses: checkSigs ? refuses : undefined,
        onWarning(message) {
          // That none can be asked any more is no news then.
          if (!session.signal.aborted) session.onLine(printable(`warning: ${message}`));
        },
      },
    ),
  );
}

/** For a destination that doesn't judge what is added: what comes from a substituter is to be trusted all the same. */
function refusesBySettings(
  { settings }: Session,
  { storeDir }: Store,
): (infos: Iterable<PathInfo>) => Refusal[] {
  const { keys: trustedKeys } = loadTrustedKeys(settings);
  const policy = { requireSigs: settings.requireSigs, trustedKeys };
  return (infos) => [...infos].flatMap((info) => refusalOf(storeDir, info, policy) ?? []);
}
