import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { hashBytes } from './hash.ts';
import { addToNarInfo, formatNarInfo, narInfoKey, parseNarInfo, type NarInfo } from './narinfo.ts';
import { defaultStoreDir, hashPartOf, parseStoreDir, type StorePath } from './store-path.ts';

const parse = (text: string): NarInfo => parseNarInfo(text, defaultStoreDir);
const format = (narInfo: NarInfo): string => formatNarInfo(narInfo, defaultStoreDir);

const hello = 'q790zdjk75hm2cn42nh77pqw4gbv1b88-hello.txt' as StorePath;
const other = '5b9s2gkbd3v7p90hqixp9yinn3rnd8ll-other-1.0' as StorePath;
const drv = '0i2jkl9k8y5k8s5gpwfbkdkxxr7ga30d-hello.txt.drv' as StorePath;
const fileHash = 'sha256:0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk84j81zvby36q9whhhqa';
const narHash = 'sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s';
const signature = `cache.example.org-1:${Buffer.alloc(64, 1).toString('base64')}`;
const secondSignature = `backup-1:${Buffer.alloc(64, 2).toString('base64')}`;
const ca = `fixed:r:${narHash}`;

/** Line by line, so that a test may change one. */
const whole: readonly string[] = [
  `StorePath: /nix/store/${hello}`,
  'URL: nar/0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk84j81zvby36q9whhhqa.nar.xz',
  'Compression: xz',
  `FileHash: ${fileHash}`,
  'FileSize: 50088',
  `NarHash: ${narHash}`,
  'NarSize: 226552',
  `References: ${other} ${hello}`,
  `Deriver: ${drv}`,
  `Sig: ${secondSignature}`,
  `Sig: ${signature}`,
  `CA: ${ca}`,
];
const required = whole.filter((line) => /^(StorePath|URL|NarHash|NarSize)/.test(line));

const textOf = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');
/** With the line of that key replaced, or added at the end. */
const changed = (key: string, ...lines: readonly string[]): string =>
  textOf([...whole.filter((line) => !line.startsWith(`${key}:`)), ...lines]);

function refuses(text: string, message: RegExp): void {
  assert.throws(() => parse(text), { code: 'corrupt', message });
}

describe('narinfo', () => {
  test('every field is read, and written in the order of Nix', () => {
    const narInfo = parse(textOf(whole));
    assert.equal(narInfo.info.path, hello);
    assert.equal(narInfo.url, whole[1]?.slice('URL: '.length));
    assert.equal(narInfo.compression, 'xz');
    assert.equal(narInfo.fileSize, 50088);
    assert.equal(narInfo.info.narSize, 226552);
    assert.deepEqual(narInfo.info.references, [other, hello]);
    assert.equal(narInfo.info.deriver, drv);
    assert.deepEqual(narInfo.info.signatures, [secondSignature, signature]);
    assert.equal(narInfo.info.ca?.method, 'nar');
    assert.equal(format(narInfo), textOf(whole));
  });

  test('its key is the hash part', () => {
    assert.equal(narInfoKey(hashPartOf(hello)), 'q790zdjk75hm2cn42nh77pqw4gbv1b88.narinfo');
  });

  test('without references a space stands at the end of the line', () => {
    const narInfo = parse(changed('References', 'References: '));
    assert.deepEqual(narInfo.info.references, []);
    assert.match(format(narInfo), /^References: $/m);
    assert.match(format(parse(textOf(required))), /^References: $/m);
  });

  test('"References:" without the space is refused, instead of taking the next line for its value', () => {
    refuses(changed('References', 'References:'), /^line 12: it is not of the form/);
  });

  test('lines with carriage returns are refused, with the number of the line', () => {
    refuses(textOf(whole).replaceAll('\n', '\r\n'), /^line 1: it ends with a carriage return/);
  });

  test('a last line without its end, a blank line and a line without a colon are refused', () => {
    refuses(textOf(whole).slice(0, -1), /^line 12: it has no line end/);
    refuses(`${textOf(whole)}\n`, /^line 13: it is not of the form/);
    refuses(`\n${textOf(whole)}`, /^line 1: it is not of the form/);
    refuses(`${textOf(whole)}hello\n`, /^line 13: it is not of the form/);
    refuses(`${textOf(whole)}hello:world: x\n`, /^line 13: it is not of the form/);
  });

  test('a missing or empty Compression means bzip2, an unknown one is the matter of who reads the NAR', () => {
    assert.equal(parse(textOf(required)).compression, 'bzip2');
    assert.equal(parse(changed('Compression', 'Compression: ')).compression, 'bzip2');
    assert.equal(parse(changed('Compression', 'Compression: lrzip')).compression, 'lrzip');
  });

  test('FileHash and FileSize may be missing', () => {
    const narInfo = parse(textOf(required));
    assert.equal(narInfo.fileHash, undefined);
    assert.equal(narInfo.fileSize, undefined);
    assert.doesNotMatch(format(narInfo), /File/);
  });

  test('the others are required', () => {
    for (const key of ['StorePath', 'URL', 'NarHash', 'NarSize']) {
      refuses(changed(key), new RegExp(`^it has no ${key}`));
    }
    refuses(changed('URL', 'URL: '), /^it has no URL/);
    refuses(changed('NarSize', 'NarSize: 0'), /^it has no NarSize/);
    refuses('', /^it has no StorePath/);
  });

  test('unknown-deriver is none, an empty Deriver is refused', () => {
    assert.equal(parse(changed('Deriver', 'Deriver: unknown-deriver')).info.deriver, undefined);
    refuses(changed('Deriver', 'Deriver: '), /^line 12: .*not a store path/);
    refuses(changed('Deriver', `Deriver: /nix/store/${drv}`), /^line 12: .*not a store path/);
  });

  test('of keys that come twice the last counts', () => {
    const text = textOf([
      ...whole,
      `StorePath: /nix/store/${other}`,
      'URL: nar/second',
      'NarSize: 7',
    ]);
    const narInfo = parse(text);
    assert.equal(narInfo.info.path, other);
    assert.equal(narInfo.url, 'nar/second');
    assert.equal(narInfo.info.narSize, 7);
  });

  test('a second References or CA is refused, unless the first was empty', () => {
    refuses(textOf([...whole, 'References: ']), /^line 13: it comes a second time/);
    refuses(textOf([...whole, `CA: ${ca}`]), /^line 13: it comes a second time/);
    const text = textOf([...required, 'References: ', `References: ${other}`, 'CA: ', `CA: ${ca}`]);
    assert.deepEqual(parse(text).info.references, [other]);
    assert.equal(parse(text).info.ca?.method, 'nar');
  });

  test('references come out sorted and once, however they stand', () => {
    const text = changed('References', `References: ${hello}  ${other} ${hello} `);
    assert.deepEqual(parse(text).info.references, [other, hello]);
    refuses(changed('References', 'References: /nix/store/x'), /^line 12: .*not a store path/);
  });

  test('what can be no signature is passed over, the same one twice counts once', () => {
    for (const bad of ['', 'x', ':AAAA', 'key-1:', 'key-1:AAAA', `key-1:${signature}`, 'key-1:%']) {
      assert.deepEqual(parse(changed('Sig', `Sig: ${bad}`)).info.signatures, [], bad);
    }
    const twice = changed('Sig', `Sig: ${signature}`, `Sig: ${signature}`);
    assert.deepEqual(parse(twice).info.signatures, [signature]);
  });

  test('an empty CA is none, a malformed one is refused', () => {
    assert.equal(parse(changed('CA', 'CA: ')).info.ca, undefined);
    refuses(changed('CA', 'CA: fixed'), /^line 12: /);
  });

  test('unknown keys are passed over', () => {
    assert.equal(parse(textOf([...whole, 'System: x86_64-linux', 'New: a: b'])).fileSize, 50088);
  });

  test('a NAR hash needs its algorithm, which is SHA-256, in any encoding', () => {
    const sri = 'sha256-CkMIecJm+LV/QJKg+TXPP6zUi7zN5XYNR0jKQFFx6Wk=';
    assert.equal(parse(changed('NarHash', `NarHash: ${sri}`)).info.narHash.digest.length, 32);
    refuses(changed('NarHash', `NarHash: ${narHash.slice('sha256:'.length)}`), /^line 12: /);
    refuses(changed('NarHash', `NarHash: sha1:${'0'.repeat(40)}`), /not a SHA-256/);
    refuses(changed('NarHash', 'NarHash: sha256:abc'), /^line 12: /);
  });

  test('sizes are plain decimal numbers', () => {
    for (const bad of ['', '-1', '1.5', '0x10', '1e3', ' 1', '9007199254740993', '9'.repeat(40)]) {
      refuses(changed('NarSize', `NarSize: ${bad}`), /^line 12: .*not a number of bytes/);
      refuses(changed('FileSize', `FileSize: ${bad}`), /^line 12: .*not a number of bytes/);
    }
  });

  test('a path of another store directory is refused', () => {
    refuses(changed('StorePath', `StorePath: /gnu/store/${hello}`), /^line 12: .*not in the store/);
    const text = textOf(whole).replaceAll('/nix/store', '/gnu/store');
    assert.equal(parseNarInfo(text, parseStoreDir('/gnu/store')).info.path, hello);
  });

  test('what is very long is refused', () => {
    refuses(`X: ${'x'.repeat(2 << 20)}\n${textOf(whole)}`, /^it is longer than/);
    const signatures = Array.from({ length: 1100 }, (_, i) => signature.replace('cache', `c${i}`));
    refuses(textOf([...whole, ...signatures.map((text) => `Sig: ${text}`)]), /more than 1024/);
  });

  test('signatures are added without touching anything else', () => {
    const text = textOf(['Old: thing', ...whole.filter((line) => !line.startsWith('Sig: '))]);
    const withOne = addToNarInfo(text, [signature]);
    assert.equal(withOne, text.replace('CA: ', `Sig: ${signature}\nCA: `));
    const withBoth = addToNarInfo(withOne, [secondSignature, signature]);
    assert.equal(withBoth, textOf(['Old: thing', ...whole]));
    const withoutCa = textOf(required);
    assert.equal(addToNarInfo(withoutCa, [signature]), `${withoutCa}Sig: ${signature}\n`);
  });

  test('whatever is written is read as the same', () => {
    const paths = fc.constantFrom(hello, other, drv);
    const hash = fc.string().map((text) => hashBytes('sha256', text));
    const narInfos = fc.record(
      {
        info: fc.record(
          {
            path: paths,
            narHash: hash,
            narSize: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
            references: fc.uniqueArray(paths).map((all) => all.sort()),
            deriver: paths,
            signatures: fc.subarray([secondSignature, signature]),
            ca: fc.record(
              { method: fc.constantFrom('text', 'flat', 'nar'), hash },
              { noNullPrototype: true },
            ),
          },
          {
            requiredKeys: ['path', 'narHash', 'narSize', 'references', 'signatures'],
            noNullPrototype: true,
          },
        ),
        url: fc.webPath().map((path) => `nar${path}`),
        compression: fc.constantFrom('none', 'xz', 'zstd'),
        fileHash: hash,
        fileSize: fc.nat(),
      },
      { requiredKeys: ['info', 'url', 'compression'], noNullPrototype: true },
    );
    fc.assert(
      fc.property(narInfos, (narInfo) => {
        const made = narInfo as NarInfo;
        assert.deepEqual(parse(format(made)), made);
      }),
    );
  });
});
