/**
 * How a connection of the worker protocol begins. Client: magic number and version. Server: the same, its own. Then
 * from the client, without waiting, features and two fields that mean nothing any more; from the server its features,
 * the release of Nix and whether it trusts the client, and the messages of a first, empty operation.
 */
import type { Codec } from '../codec.ts';
import { ignored, list, map, numbered, since, string, struct } from '../combinators.ts';
import { v } from './version.ts';

export const clientMagic = 0x6e697863;
export const serverMagic = 0x6478696f;

/** Names of features; which of them count is what both sides have. */
export const featureNames: Codec<readonly string[]> = since(v(38), list(string(1024), 1000), []);

interface ObsoleteFields {
  readonly cpuAffinity?: undefined;
  readonly reserveSpace?: undefined;
}

/** What the client sends last. Were the first not 0, a further number would follow it. */
export const clientGreetingEnd: Codec<ObsoleteFields> = struct<ObsoleteFields>({
  cpuAffinity: since(v(14), ignored(0), undefined),
  reserveSpace: since(v(11), ignored(0), undefined),
});

export interface ServerGreeting {
  /** The release, `2.34.8`; before version 1.33 it isn't told. */
  readonly release?: string | undefined;
  /** Whether the client may do everything; undefined where the server doesn't say. */
  readonly isTrusted?: boolean | undefined;
}

const trust: Codec<boolean | undefined> = map<string, boolean | undefined>(
  numbered('a level of trust', ['unknown', 'trusted', 'untrusted']),
  (level) => (level === 'unknown' ? undefined : level === 'trusted'),
  (isTrusted) => (isTrusted === undefined ? 'unknown' : isTrusted ? 'trusted' : 'untrusted'),
);

/** Servers that tell their release tell some text; that it is one of Nix nobody checks. */
const release: Codec<string | undefined> = map<string, string | undefined>(
  string(1024),
  (text) => text,
  (text) => text ?? '',
);

/** What the server sends last before it is ready. */
export const serverGreeting: Codec<ServerGreeting> = struct<ServerGreeting>({
  release: since<string | undefined>(v(33), release, undefined),
  isTrusted: since<boolean | undefined>(v(35), trust, undefined),
});
