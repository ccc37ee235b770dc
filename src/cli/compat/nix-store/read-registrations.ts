/** Registrations on stdin, as `--load-db` and `--register-validity` take them. */
import { RegistrationReader, type PathRegistration } from '../../../format/registration.ts';
import type { StoreDir } from '../../../format/store-path.ts';
import type { CommandContext } from '../../context.ts';

/** @throws FerryError `corrupt` for what is no registration, before anything is done */
export async function readRegistrations(
  { stdin, signal }: CommandContext,
  storeDir: StoreDir,
  options: { readonly hasHashes: boolean },
): Promise<PathRegistration[]> {
  const reader = new RegistrationReader(storeDir, options);
  const registrations: PathRegistration[] = [];
  for await (const chunk of stdin) {
    signal.throwIfAborted();
    for (const registration of reader.push(chunk)) registrations.push(registration);
  }
  reader.finish();
  return registrations;
}
