/** The hash by which the contents of a path prove its content address, taken while a visitor is told of them. */
import { FerryError } from '../../error.ts';
import type { ContentAddressMethod } from '../content-address.ts';
import { StreamingHash, type Hash, type HashAlgorithm } from '../hash.ts';
import { NarEncoder } from './encoder.ts';
import { ModuloHasher } from './hash-modulo.ts';
import { ignoreNar, type NarVisitor } from './visitor.ts';

/** Asks for the hash that a content address claims. */
export interface ContentAddressRequest {
  readonly method: ContentAddressMethod;
  readonly algorithm: HashAlgorithm;
  /** The hash part that is blanked where the contents mention it, for paths that refer to themselves. */
  readonly selfHashPart?: string | undefined;
}

export interface ContentAddressHasher {
  readonly visitor: NarVisitor;
  /**
   * Once the root is complete: every hash that some release of Nix would give these contents, the documented one
   * first. There are two where a path refers to itself.
   */
  finish(): readonly Hash[];
}

/** Its visitor throws `corrupt` where the method wants a single file and the contents are something else. */
export function contentAddressHasher(request: ContentAddressRequest): ContentAddressHasher {
  return request.method === 'nar' ? narHasher(request) : fileHasher(request);
}

function narHasher(request: ContentAddressRequest): ContentAddressHasher {
  const { algorithm, selfHashPart } = request;
  const plain = new StreamingHash(algorithm);
  const hasher = selfHashPart === undefined ? undefined : new ModuloHasher(algorithm, selfHashPart);
  const encoder = new NarEncoder((chunk) => (hasher ?? plain).update(chunk));
  return {
    visitor: encoder,
    finish: () => {
      encoder.end();
      return hasher?.finish() ?? [plain.finish()];
    },
  };
}

function fileHasher(request: ContentAddressRequest): ContentAddressHasher {
  const hash = new StreamingHash(request.algorithm);
  const refuse = (what: string): never => {
    throw new FerryError(
      'corrupt',
      `content address with method "${request.method}" wants a single file, but the contents are a ${what}`,
    );
  };
  const visitor: NarVisitor = {
    ...ignoreNar,
    directory: () => refuse('directory'),
    symlink: () => refuse('symlink'),
    data: (chunk) => hash.update(chunk),
  };
  return { visitor, finish: () => [hash.finish()] };
}
