/** A throwaway certificate authority, and certificates of it, made by openssl. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runOk } from './run.ts';

export interface Certificate {
  /** PEM */
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  /** The file to trust, and what is in it. */
  readonly caFile: string;
  readonly ca: string;
  /** For a server at 127.0.0.1 and `localhost`. */
  readonly server: Certificate;
  /** For who shows it to a server, with its files. */
  readonly client: Certificate & { readonly certificateFile: string; readonly keyFile: string };
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Below a directory that is the caller's to remove. */
export async function makeAuthority(directory: string): Promise<Authority> {
  mkdirSync(directory, { recursive: true });
  const file = (name: string): string => join(directory, name);
  const read = (name: string): string => readFileSync(file(name), 'utf8');
  const openssl = async (...words: string[]): Promise<void> => {
    await runOk('openssl', words, { cwd: directory });
  };
  const self = ['-x509', '-days', '2', '-subj', '/CN=throwaway authority'];
  await openssl('req', ...self, ...NEW_KEY, '-keyout', 'ca.key', '-out', 'ca.pem');
  writeFileSync(file('names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  for (const name of ['server', 'client']) {
    const request = ['-subj', `/CN=throwaway ${name}`, '-keyout', `${name}.key`];
    await openssl('req', '-new', ...NEW_KEY, ...request, '-out', `${name}.csr`);
    const issuer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'];
    const names = name === 'server' ? ['-extfile', 'names'] : [];
    await openssl('x509', '-req', '-in', `${name}.csr`, ...issuer, ...names, '-out', `${name}.pem`);
  }
  const pair = (name: string): Certificate => ({
    cert: read(`${name}.pem`),
    key: read(`${name}.key`),
  });
  return {
    caFile: file('ca.pem'),
    ca: read('ca.pem'),
    server: pair('server'),
    client: {
      ...pair('client'),
      certificateFile: file('client.pem'),
      keyFile: file('client.key'),
    },
  };
}
