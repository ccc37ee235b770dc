/**
 * node:crypto, loaded when the first hash or signature is made and not before: loading it takes longer than all else
 * that ferry does in a copy that has nothing to do.
 */
export function crypto(): typeof import('node:crypto') {
  return process.getBuiltinModule('node:crypto');
}
