/**
 * node:crypto, loaded when the first hash or signature is made and not before: loading it takes longer than all else
 * that ferry does in a copy that has nothing to do.
 */
import type * as nodeCrypto from 'node:crypto';

export function crypto(): typeof nodeCrypto {
  return process.getBuiltinModule('node:crypto');
}
