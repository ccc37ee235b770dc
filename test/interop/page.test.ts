/** The HTML page of a closure in a real browser: what it shows, that it answers, and that it asks no network. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import type { Locator, Page } from 'playwright-core';
import type { GraphDocument } from '../../src/format/graph/document.ts';
import { htmlGraphPage } from '../../src/page/html-page.ts';
import {
  missingBrowser,
  startBrowser,
  type OpenPage,
  type TestBrowser,
} from '../support/browser.ts';
import { runFerryOk } from '../support/ferry-program.ts';
import { documentOf, makeDocument } from '../support/made-document.ts';
import { makeNixHome } from '../support/nix-home.ts';
import { peerTest } from '../support/peers.ts';
import { makeSmallClosure } from '../support/small-closure.ts';
import { makeTempDirectory } from '../support/temp.ts';

const lacks = missingBrowser();

/** A test with a browser and a place for files. */
function pageTest(
  name: string,
  body: (browser: TestBrowser, write: WritePage, context: TestContext) => Promise<void>,
): void {
  peerTest(name, { lacks }, async (_, context) => {
    using temp = makeTempDirectory();
    await using browser = await startBrowser();
    const write: WritePage = async (document) => {
      const file = temp.join('page.html');
      writeFileSync(file, await htmlGraphPage(document));
      return file;
    };
    await body(browser, write, context);
  });
}

type WritePage = (document: GraphDocument) => Promise<string>;

peerTest('the page of a small closure', { nix: ['2.34'], lacks }, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  await using browser = await startBrowser();
  const small = await makeSmallClosure(home);
  const file = `${home.path}/closure.html`;
  await runFerryOk(home, ['graph', '-o', file, small.development]);
  const { page, complaints } = await browser.open(file);
  assert.equal(await page.title(), 'small-application-dev · closure');
  assert.equal(await page.locator('h1').textContent(), 'small-application-dev');
  await search(page, 'library');
  const panel = page.getByRole('complementary');
  assert.equal(await panel.locator('code').textContent(), small.library);
  assert.deepEqual(await rowsOf(panel, 'Referrers'), ['small-application']);
  assert.deepEqual((await rowsOf(panel, 'References')).sort(), ['small-source', 'small-text']);
  assert.deepEqual(complaints, []);
});

pageTest('search, selection, the views and the history', async (browser, write, context) => {
  const file = await write(makeDocument(3_000));
  const { page, complaints, interactiveMs } = await browser.open(file);
  context.diagnostic(`3,000 paths: interactive after ${interactiveMs.toFixed(0)} ms`);
  const panel = page.getByRole('complementary');

  await page.keyboard.press('/');
  await page.keyboard.type('glib');
  const options = page.getByRole('option');
  assert.ok((await options.count()) > 3);
  for (const text of await options.allTextContents()) assert.match(text, /glib/i);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  const active = page.locator('[role=option][aria-selected=true]');
  assert.equal(await active.count(), 1);
  const wanted = await active.locator('.name-text').textContent();
  await page.keyboard.press('Enter');
  assert.match((await panel.locator('h2').textContent()) ?? '', new RegExp(`^${wanted}`));
  assert.equal(await page.getByRole('combobox').inputValue(), '');

  // To a referrer, and back from there by its reference.
  const first = await panel.locator('code').textContent();
  const referrer = panel.locator('section', { hasText: 'Referrers' }).locator('li button').first();
  const name = await referrer.locator('.name-text').textContent();
  await referrer.click();
  assert.match((await panel.locator('h2').textContent()) ?? '', new RegExp(`^${name}`));
  const second = await panel.locator('code').textContent();
  assert.notEqual(second, first);
  const references = panel.locator('section', { hasText: 'References' });
  const all = references.getByRole('button', { name: 'Show all' });
  if ((await all.count()) > 0) await all.click();
  const [, hashPart, tail = ''] = /\/([^/-]+)-([^/]+)$/.exec(first ?? '') ?? [];
  await references.locator(`button[title="${tail}"]`).first().click();

  await page.goBack();
  await shows(panel, second);
  await page.goBack();
  await shows(panel, first);
  assert.ok(page.url().endsWith(`#treemap/${hashPart}`), page.url());

  // The way from the root ends here.
  const chain = panel.locator('.chain li');
  assert.equal(await chain.first().textContent(), 'nixos-system-harbour-26.05');
  assert.equal(await chain.last().textContent(), tail);

  await choose(page, 'List');
  assert.equal(await page.locator('.row[aria-selected=true]').count(), 1);
  assert.equal(await page.getByRole('grid').getAttribute('aria-rowcount'), '3001');
  assert.ok((await page.locator('.rows .row').count()) < 100, 'rows out of sight are not made');
  await choose(page, 'Graph');
  await page.keyboard.press('Escape');
  assert.equal(await panel.locator('h2').textContent(), 'Closure');
  assert.deepEqual(complaints, []);

  // A link brings back what it was of.
  const linked = await browser.open(file, { hash: `#list/${hashPart}` });
  const there = linked.page.getByRole('complementary').locator('code');
  assert.equal(await there.textContent(), first);
  assert.equal(await linked.page.locator('.row[aria-selected=true]').isVisible(), true);
  assert.deepEqual(linked.complaints, []);
});

pageTest('the list is sorted by every column and walked by keys', async (browser, write) => {
  const document = makeDocument(500);
  const { page, complaints } = await browser.open(await write(document), { hash: '#list' });
  const first = page.locator('.rows .row').first();
  const firstName = (): Promise<string | null> => first.locator('.name-text').textContent();
  const bySize = document.nodes.toSorted((a, b) => b.narSize - a.narSize);
  assert.equal(await firstName(), bySize[0]?.name);
  await page.getByRole('button', { name: 'Name', exact: true }).click();
  const names = document.nodes.map(({ name }) => name).sort();
  assert.equal(await firstName(), names[0]);
  await page.getByRole('button', { name: 'Name', exact: true }).click();
  assert.equal(await firstName(), names.at(-1));
  await page.getByRole('button', { name: 'Closure', exact: true }).click();
  assert.equal(await firstName(), 'nixos-system-harbour');
  const header = page.getByRole('columnheader', { name: 'Closure' });
  assert.equal(await header.getAttribute('aria-sort'), 'descending');
  await page.getByRole('grid').focus();
  await page.keyboard.press('End');
  assert.equal(await page.locator('.row[aria-selected=true]').getAttribute('aria-rowindex'), '501');
  await page.keyboard.press('ArrowUp');
  assert.equal(await page.locator('.row[aria-selected=true]').getAttribute('aria-rowindex'), '500');
  await search(page, 'no such path', 'Escape');
  const [, , last] = document.nodes.toSorted((a, b) => a.closureSize - b.closureSize);
  await search(page, last?.path ?? '');
  await shows(page.getByRole('complementary'), last?.path ?? '');
  const list = await page.getByRole('grid').boundingBox();
  const row = await page.locator('.row[aria-selected=true]').boundingBox();
  assert.ok(list !== null && row !== null);
  assert.ok(row.y > list.y && row.y + row.height <= list.y + list.height, 'it is in sight');
  assert.deepEqual(complaints, []);
});

pageTest('treemap and graph are drawn, in light and in dark', async (browser, write) => {
  const file = await write(makeDocument(3_000));
  const grounds: string[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const hash of ['#treemap', '#graph']) {
      const opened = await browser.open(file, { colorScheme, hash });
      const view = opened.page.locator('.view:not([hidden])');
      const colours = await browser.countColours(await settled(opened, view));
      assert.ok(colours.size > 50, `${colorScheme} ${hash} has ${colours.size} colours`);
      const [ground, pixels] = [...colours].sort((a, b) => b[1] - a[1])[0] ?? ['', 0];
      const total = [...colours.values()].reduce((sum, count) => sum + count, 0);
      assert.ok(pixels < total * 0.97, `${colorScheme} ${hash} is nearly blank`);
      if (hash === '#graph') grounds.push(ground);
      assert.deepEqual(opened.complaints, []);
    }
  }
  assert.notEqual(grounds[0], grounds[1]);

  // The same by the button, which is remembered or not, but holds.
  const { page, complaints } = await browser.open(file, { colorScheme: 'light' });
  await page.getByRole('button', { name: 'Dark colours' }).click();
  assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark');
  await page.getByRole('button', { name: 'Light colours' }).click();
  assert.equal(await page.locator('html').getAttribute('data-theme'), 'light');
  assert.deepEqual(complaints, []);
});

pageTest('a click in the treemap selects, keys go on, groups open', async (browser, write) => {
  const { page, complaints } = await browser.open(await write(makeDocument(400)));
  const panel = page.getByRole('complementary');
  const map = page.locator('.treemap canvas').last();
  const box = await map.boundingBox();
  assert.ok(box !== null);
  await map.click({ position: { x: 60, y: 60 } });
  const first = await panel.locator('code').textContent();
  await page.keyboard.press('ArrowRight');
  assert.notEqual(await panel.locator('code').textContent(), first);
  // The name of the largest group, which stands first.
  await map.click({ position: { x: 30, y: 8 } });
  const zoom = page.getByRole('navigation', { name: 'Zoom' });
  assert.equal(await zoom.getByRole('button').count(), 2);
  await page.keyboard.press('Backspace');
  assert.equal(await zoom.isVisible(), false);
  await page.getByRole('button', { name: 'What keeps it' }).click();
  await page.keyboard.press('Escape');
  assert.equal(await panel.locator('h2').textContent(), 'Closure');
  assert.deepEqual(complaints, []);
});

pageTest('keys walk through the graph', async (browser, write) => {
  const { page, complaints } = await browser.open(await write(makeDocument(400)), {
    hash: '#graph',
  });
  const panel = page.getByRole('complementary');
  const path = (): Promise<string | null> => panel.locator('code').textContent();
  await page.locator('.stage').focus();
  await page.keyboard.press('ArrowDown');
  const root = await path();
  assert.match(root ?? '', /nixos-system-harbour-26\.05$/);
  await page.keyboard.press('ArrowDown');
  const below = await path();
  assert.notEqual(below, root);
  await page.keyboard.press('+');
  await page.keyboard.press('-');
  await page.keyboard.press('0');
  await page.keyboard.press('ArrowUp');
  const above = await path();
  assert.notEqual(above, below);
  assert.deepEqual(complaints, []);
});

pageTest('names that want to be markup are text', async (browser, write) => {
  const evil = '</script><img src=x onerror=alert(1)><!--<script>alert(1)</script>';
  const made = [evil, `a"'&amp;${evil}`, '<b>bold</b>', '\u2028__proto__', 'constructor'].map(
    (name, i) => ({
      hashPart: String(i).repeat(32),
      name,
      version: `1.0<i>${i}`,
      narSize: 1_000 * (i + 1),
    }),
  );
  const document = { ...documentOf(made, [[1, 2, 3], [4], [], [], []]), title: `${evil}</title>` };
  const { page, complaints } = await browser.open(await write(document));
  page.on('dialog', (dialog) => void dialog.dismiss().then(() => assert.fail('a name ran')));
  assert.equal(await page.locator('h1').textContent(), document.title);
  for (const view of ['List', 'Graph', 'Treemap']) await choose(page, view);
  await search(page, '<b>bold');
  assert.equal(
    await page.getByRole('complementary').locator('code').textContent(),
    document.nodes[2]?.path,
  );
  assert.equal(await page.locator('img, b, i').count(), 0);
  assert.equal(await page.locator('script').count(), 2);
  assert.deepEqual(complaints, []);
});

pageTest('one path, none, many, and sizes that nobody knows', async (browser, write, context) => {
  const unknown = makeDocument(40);
  const documents: Record<string, GraphDocument> = {
    one: makeDocument(1),
    none: documentOf([], []),
    unknown: {
      ...unknown,
      nodes: unknown.nodes.map((node) => ({ ...node, narSize: 0, closureSize: 0 })),
    },
    many: makeDocument(10_000),
  };
  for (const [name, document] of Object.entries(documents)) {
    const opened = await browser.open(await write(document));
    const { page, complaints, interactiveMs } = opened;
    const count = document.nodes.length.toLocaleString('en');
    context.diagnostic(`${count} paths: interactive after ${interactiveMs.toFixed(0)} ms`);
    if (name === 'none') {
      assert.match((await page.locator('main').textContent()) ?? '', /This closure is empty/);
      continue;
    }
    for (const view of ['Graph', 'List', 'Treemap']) {
      await choose(page, view);
      const shown = page.locator('.view:not([hidden])');
      const colours = await browser.countColours(await settled(opened, shown));
      assert.ok(colours.size > 3, `${name}: ${view} is blank`);
    }
    assert.deepEqual(complaints, [], name);
  }
});

pageTest('where there is no WebGL the graph says so', async (browser, write) => {
  const { page, complaints } = await browser.open(await write(makeDocument(20)), {
    before: `{
      const { getContext } = HTMLCanvasElement.prototype;
      HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
        return kind.includes('webgl') ? null : getContext.call(this, kind, ...rest);
      };
    }`,
  });
  await choose(page, 'Graph');
  assert.match((await page.locator('.stage').textContent()) ?? '', /it has no WebGL/);
  await search(page, 'harbour');
  await shows(page.getByRole('complementary'), 'harbour');
  await page.getByRole('button', { name: 'Zoom in' }).click();
  await choose(page, 'List');
  assert.deepEqual(complaints, []);
});

pageTest('on a phone everything has its place', async (browser, write) => {
  const viewport = { width: 390, height: 844 };
  const { page, complaints } = await browser.open(await write(makeDocument(400)), {
    viewport,
    hasTouch: true,
    isMobile: true,
  });
  const panel = page.getByRole('complementary');
  assert.equal(await panel.isVisible(), false);
  await search(page, 'glibc');
  assert.equal(await panel.isVisible(), true);
  const view = await page.locator('.view:not([hidden])').boundingBox();
  const below = await panel.boundingBox();
  assert.ok(view !== null && below !== null);
  assert.ok(view.height > 150, `the picture is ${view.height} high`);
  assert.ok(view.y + view.height <= below.y + 1, 'the panel covers nothing');
  const width = await page.evaluate('document.documentElement.scrollWidth');
  assert.equal(width, viewport.width);
  await panel.getByRole('button', { name: 'Close' }).click();
  assert.equal(await panel.isVisible(), false);
  assert.deepEqual(complaints, []);
});

/** Waits until a path is the selected one. */
async function shows(panel: Locator, path: string | null): Promise<void> {
  await panel.locator('code', { hasText: path ?? '' }).waitFor();
}

/** Types into the field of the search, and takes the best that it finds. */
async function search(page: Page, query: string, last = 'Enter'): Promise<void> {
  await page.getByRole('combobox').fill(query);
  await page.getByRole('combobox').press(last);
}

async function choose(page: Page, view: string): Promise<void> {
  await page.getByRole('group', { name: 'View' }).getByRole('button', { name: view }).click();
}

/** A picture of a part of the page, once nothing moves there any more. */
async function settled({ page }: OpenPage, part: Locator): Promise<Uint8Array> {
  let before = await part.screenshot();
  for (let tries = 0; tries < 100; tries++) {
    await page.waitForTimeout(50);
    const now = await part.screenshot();
    if (now.equals(before)) return now;
    before = now;
  }
  throw new Error('the page does not come to rest');
}

/** Names in a section of the panel. */
async function rowsOf(panel: Locator, title: string): Promise<string[]> {
  return await panel.locator('section', { hasText: title }).locator('.name-text').allTextContents();
}
