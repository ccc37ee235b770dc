/** Development shells: structured attributes, what bash says of its environment, and the first lines of scripts. */
import assert from 'node:assert/strict';
import { toByteString } from '../../src/bytes/byte-string.ts';
import { splitShebangWords } from '../../src/cli/compat/nix-shell-shebang.ts';
import { parseDump } from '../../src/shell/environment-dump.ts';
import { formatEnvironmentText } from '../../src/shell/environment-text.ts';
import {
  formatAttributesJson,
  formatAttributesShell,
  parseStructuredAttributes,
} from '../../src/shell/structured-attributes.ts';
import { outcomeOf, type FuzzTarget } from '../target.ts';

const buffers = (...texts: readonly string[]): Uint8Array[] =>
  texts.map((text) => Buffer.from(text, 'latin1'));

const attributesTarget: FuzzTarget = {
  name: 'structured-attributes',
  seeds: buffers(
    '{"name":"x","list":["a b",1,true,null],"table":{"k":"v"},"outputs":["out"]}',
    '{"n":[1.5,2.0,1e30,-0,18446744073709551615],"deep":[[{"a":{}}]],"\\u00fc":"\\ud83d\\ude00"}',
  ),
  dictionary: buffers('{"', '":', '[]', '{}', '\\ud800', '1e999', '-', '__proto__', '"\\""'),
  check: (input) => {
    const { value } = outcomeOf(() => parseStructuredAttributes(toByteString(input)));
    if (value === undefined) return;
    const text = formatAttributesJson(value);
    assert.equal(formatAttributesJson(parseStructuredAttributes(text)), text);
    // Nothing gets out of its quotes: without them only what a list of declarations is made of is left.
    const bare = formatAttributesShell(value).replaceAll(/'[^']*'|\\'/g, '');
    assert.match(bare, /^(declare (-[aA] )?[A-Za-z_]\w*=(-?\d+|\(((\[\])?=?(-?\d+)? )*\))?\n)*$/);
  },
};

const dumpTarget: FuzzTarget = {
  name: 'environment-dump',
  seeds: buffers(
    'text|x|PATH|/bin|array|a|l|2|0|1|x|y|end|'.replaceAll('|', '\0'),
    'array|A|t|1|k|v|function|f|f () \n{ \n :\n}|text|-|a||end|'.replaceAll('|', '\0'),
  ),
  dictionary: buffers('\0', 'text\0', 'array\0', 'function\0', 'end\0', '-1', '1e9', "'"),
  check: (input) => {
    const { value } = outcomeOf(() => parseDump(input), ['protocol']);
    if (value === undefined) return;
    const options = { directory: toByteString(Buffer.from('/tmp/x')), files: new Map() };
    const variables = formatEnvironmentText(
      { ...value, functions: new Map() },
      { ...options, own: new Set(value.variables.keys()) },
    );
    const bare = variables.replaceAll(/'[^']*'|\\'/g, '');
    for (const line of bare.split('\n')) {
      assert.match(
        line,
        /^(\w+=|export \w+$|unset \w+(; declare -g[aA] \w+=\(.*\))?$|if |fi$|$|PATH=|XDG)/,
      );
    }
  },
};

const shebangTarget: FuzzTarget = {
  name: 'shebang-words',
  seeds: buffers('-i bash --pure -p "a b" \'c d\' e\\ f', ''),
  dictionary: buffers('"', "'", '\\', ' ', '\t'),
  check: (input) => {
    const text = Buffer.from(input).toString('utf8');
    const { value } = outcomeOf(() => splitShebangWords(text), ['usage']);
    if (value !== undefined) assert.ok(value.join('').length <= text.length);
  },
};

export const shellTargets: readonly FuzzTarget[] = [attributesTarget, dumpTarget, shebangTarget];
