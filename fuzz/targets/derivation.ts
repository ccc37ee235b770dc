/** Derivations in both of their spellings: what is read is written, and read again as the same. */
import assert from 'node:assert/strict';
import { toByteString } from '../../src/bytes/byte-string.ts';
import { formatJson, parseJson } from '../../src/bytes/json-text.ts';
import { derivationJson } from '../../src/format/derivation-json.ts';
import { formatDerivation, parseDerivation } from '../../src/format/derivation.ts';
import { parseDerivationJson } from '../../src/format/parse-derivation-json.ts';
import { defaultStoreDir, parseStorePathBaseName } from '../../src/format/store-path.ts';
import { outcomeOf, type FuzzTarget } from '../target.ts';

const digits = '1f5018jnvzb10jsijwrp0hyklh9hmmsg';
const path = parseStorePathBaseName(`${digits}-foo.drv`);
const texts = [
  `Derive([("dev","/nix/store/${digits}-foo-dev","",""),("out","/nix/store/${digits}-foo","","")],[("/nix/store/${digits}-in.drv",["out"])],["/nix/store/${digits}-src"],"x86_64-linux","/bin/sh",["-c","a\\n\\"b\\""],[("__json","{\\"a\\":[1,1.5,null]}"),("out","")])`,
  'Derive([("out","","r:sha256","")],[],[],"x","y",[],[("a","\\t\\r\\\\")])',
  `Derive([("out","/nix/store/${digits}-foo","sha1","${'ab'.repeat(20)}")],[],[],"x","y",[],[])`,
];
const bytes = (words: readonly string[]): Uint8Array[] => words.map((word) => Buffer.from(word));

export const derivationTargets: readonly FuzzTarget[] = [
  {
    name: 'derivation',
    seeds: bytes(texts),
    dictionary: bytes(['","', '),(', '],[', '\\', '"', '("', '["', 'impure', 'r:', 'text:']),
    check: (input) => {
      const codes = ['corrupt', 'unsupported'] as const;
      const { value } = outcomeOf(() => parseDerivation(defaultStoreDir, input), codes);
      if (value === undefined) return;
      const text = Buffer.from(formatDerivation(defaultStoreDir, value), 'latin1');
      const again = parseDerivation(defaultStoreDir, text);
      assert.equal(formatDerivation(defaultStoreDir, again), toByteString(text));
    },
  },
  {
    name: 'derivation-json',
    seeds: texts.map((text) => {
      const derivation = parseDerivation(defaultStoreDir, Buffer.from(text));
      return Buffer.from(formatJson(derivationJson(defaultStoreDir, path, derivation, 4)));
    }),
    dictionary: bytes([
      '{}',
      '[]',
      '"outputs":',
      '"method":"nar"',
      '"hashAlgo":',
      '4',
      'null',
      '\\u',
    ]),
    check: (input) => {
      const text = Buffer.from(input).toString('utf8');
      const codes = ['corrupt', 'unsupported'] as const;
      const { value } = outcomeOf(() => parseDerivationJson(defaultStoreDir, text), codes);
      if (value === undefined) return;
      // What was read is a derivation that can be written as one.
      const aterm = Buffer.from(formatDerivation(defaultStoreDir, value.derivation), 'latin1');
      const again = parseDerivation(defaultStoreDir, aterm);
      const shown = (derivation: typeof again): string =>
        formatJson(derivationJson(defaultStoreDir, path, derivation, 4));
      assert.equal(shown(again), shown(value.derivation));
    },
  },
  {
    name: 'json-text',
    seeds: bytes(['{"a":[1,1.5,-0.0,1e100,"ü\\u0001"],"10":{},"9":[[]]}', '18446744073709551616']),
    dictionary: bytes(['{"', '":', '\\ud800', 'e-', '.0', '[[', '__proto__']),
    check: (input) => {
      const { value } = outcomeOf(() => parseJson(Buffer.from(input).toString('utf8')));
      if (value === undefined) return;
      const text = formatJson(value);
      assert.equal(formatJson(parseJson(text)), text);
      assert.equal(formatJson(parseJson(formatJson(value, { pretty: true }))), text);
    },
  },
];
