import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { makeDocument } from '../../test/support/made-document.ts';
import { htmlGraphPage } from './html-page.ts';
import { loadPageCode } from './page-code.ts';

test('a page allows its own script and style, and nothing else', async () => {
  const page = await htmlGraphPage(makeDocument(30));
  const policy = /<meta http-equiv="Content-Security-Policy" content="([^"]*)">/.exec(page)?.[1];
  const hash = (text: string): string =>
    `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(page) ?? [];
  const scripts = [...page.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(
    (match) => match[1] ?? '',
  );
  assert.equal(scripts.length, 1);
  assert.deepEqual(policy?.split('; '), [
    "default-src 'none'",
    `script-src ${hash(scripts[0] ?? '')}`,
    `style-src ${hash(style)}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ]);
  assert.ok(!/\b(?:src|href)="(?!data:)/.test(page), 'nothing is loaded from elsewhere');
});

test('its title is text', async () => {
  const title = '</title><script>alert(1)</script>&';
  const page = await htmlGraphPage({ ...makeDocument(1), title });
  assert.ok(
    page.includes('<title>&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp; · closure'),
  );
  assert.equal(page.match(/<script/g)?.length, 2);
});

test('its code is small, and keeps the licences of what it was made with', async () => {
  const { script, style } = await loadPageCode();
  assert.ok(script.length + style.length < 250_000, `${script.length + style.length} characters`);
  const notice = script.slice(0, script.indexOf('*/'));
  for (const name of ['d3-hierarchy', 'events', 'graphology', 'graphology-utils', 'sigma']) {
    assert.match(notice, new RegExp(`^${name} \\d+\\.\\d+\\.\\d+\n\n[\\s\\S]*?copyright`, 'im'));
  }
});
