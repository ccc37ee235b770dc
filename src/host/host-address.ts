/** Where a host is on the network, as ssh would find it: names of ssh_config are known to ssh alone. */
import { parseStoreUri } from '../config/store-uri.ts';
import { FerryError } from '../error.ts';
import { splitShellWords } from '../system/shell-words.ts';
import { sshConnectionArguments } from '../system/ssh-arguments.ts';
import { askSshConfig } from '../system/ssh-config.ts';

/**
 * A name or an address without brackets; what the URI says where ssh can't tell.
 * @param uri of kind `ssh` or `ssh-ng`
 * @param variables of the environment: `NIX_SSHOPTS` is among them
 */
export async function hostAddress(
  uri: string,
  variables: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const target = parseStoreUri(uri);
  if (target.kind !== 'ssh' && target.kind !== 'ssh-ng') {
    throw new FerryError('usage', `"${uri}" is not reached by ssh`);
  }
  const options = splitShellWords(variables['NIX_SSHOPTS'] ?? '');
  const config = await askSshConfig('ssh', sshConnectionArguments({ target, options }), variables);
  return config?.get('hostname') ?? target.host;
}
