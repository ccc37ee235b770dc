/** The URI of a store as messages name it before the store is open. */

/** Without parameters, and without user and password where they are secret: everywhere but for ssh. */
export function uriWithoutSecrets(text: string): string {
  const question = text.indexOf('?');
  const base = question < 0 ? text : text.slice(0, question);
  const scheme = /^[a-z0-9+.-]+:\/\//i.exec(base)?.[0];
  if (scheme === undefined || scheme.toLowerCase().startsWith('ssh')) return base;
  const [authority = ''] = base.slice(scheme.length).split('/', 1);
  const at = authority.lastIndexOf('@');
  return at < 0 ? base : scheme + base.slice(scheme.length + at + 1);
}
