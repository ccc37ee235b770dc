/** Whom TLS trusts, and who we are to it: read once for each client, however many connections it makes. */
import { readFile } from 'node:fs/promises';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { FerryError, messageOf } from '../../error.ts';
import { translateOsError } from '../os-error.ts';
import type { HttpTls } from './http-types.ts';

/** Where systems keep the certificates that they trust, the order of Nix first. */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/nix/var/nix/profiles/default/etc/ssl/certs/ca-bundle.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** A bundle has some 200 kB. */
const FILE_BYTES_MAX = 16 * 1024 * 1024;

/**
 * The certificates of `caFile` instead of the system's; without either those that Node brings.
 * @param isOwn whether we are to show the client's certificate.
 * @throws FerryError `not-found`, `denied` or `corrupt` for a file that can't be used.
 */
export async function loadSecureContext(tls: HttpTls, isOwn: boolean): Promise<SecureContext> {
  const ca = tls.caFile === undefined ? await systemBundle() : await readPem(tls.caFile);
  const client = isOwn ? tls.client : undefined;
  const cert = client === undefined ? undefined : await readPem(client.certificateFile);
  const key = client === undefined ? undefined : await readPem(client.keyFile);
  try {
    return createSecureContext({ ca: ca ?? [...rootCertificates], cert, key });
  } catch (error) {
    // OpenSSL's message says what is wrong and quotes nothing.
    const files = [tls.caFile, client?.certificateFile, client?.keyFile].filter(
      (file) => file !== undefined,
    );
    const names = files.map((file) => `"${file}"`).join(', ');
    throw new FerryError('corrupt', `cannot use certificates of ${names}: ${messageOf(error)}`);
  }
}

async function systemBundle(): Promise<string | undefined> {
  for (const file of BUNDLES) {
    try {
      return await readPem(file);
    } catch {
      // The next one, then.
    }
  }
  return undefined;
}

async function readPem(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'latin1');
  } catch (error) {
    throw translateOsError(error, 'read', file);
  }
  if (!text.includes('-----BEGIN ') || text.length > FILE_BYTES_MAX) {
    throw new FerryError('corrupt', `cannot use "${file}": it is no PEM file`, { path: file });
  }
  return text;
}
