/** A real browser for the pages that ferry writes: Chromium without a screen, which draws WebGL in software. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { findProgram, peersDirectory } from './peers.ts';

const FLAGS = [
  '--no-sandbox',
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The one that `scripts/peers.sh` unpacks, else one of the system. Those from a snap see no temporary files. */
export function findBrowser(): string | undefined {
  const name = 'chromium-headless-shell';
  const unpacked = join(peersDirectory(), name, 'bin', name);
  // The stamp is written last: without it the browser is only half there.
  if (existsSync(join(peersDirectory(), name, 'stamp'))) return unpacked;
  return ['chromium', 'google-chrome']
    .map(findProgram)
    .find((program) => program !== undefined && !program.startsWith('/snap/'));
}

/** For `lacks` of a `peerTest`. */
export function missingBrowser(): readonly string[] {
  return findBrowser() === undefined ? ['Chromium'] : [];
}

export interface OpenPage {
  readonly page: Page;
  /** What the page complained about, and whatever it asked a network for: nothing, if all is well. */
  readonly complaints: readonly string[];
  /** From the opening of the page until it was drawn and answered. */
  readonly interactiveMs: number;
}

export interface TestBrowser extends AsyncDisposable {
  /** How many pixels a picture (PNG) has of each colour, as `r,g,b`. */
  countColours(picture: Uint8Array): Promise<Map<string, number>>;
  /** Opens a file in a window of its own. */
  open(
    file: string,
    options?: BrowserContextOptions & {
      /** Of the address. */
      readonly hash?: string;
      /** A script that runs before those of the page. */
      readonly before?: string;
    },
  ): Promise<OpenPage>;
}

const WAIT_MS = 30_000;

/** Use as `await using browser = await startBrowser()`. */
export async function startBrowser(): Promise<TestBrowser> {
  const program = findBrowser();
  if (program === undefined) throw new Error('no browser here');
  const browser: Browser = await chromium.launch({ executablePath: program, args: FLAGS });
  return {
    async countColours(picture) {
      const page = await browser.newPage();
      const url = `data:image/png;base64,${Buffer.from(picture).toString('base64')}`;
      const counts = await page.evaluate(`(${COUNT_COLOURS})(${JSON.stringify(url)})`);
      await page.close();
      return new Map(counts as [string, number][]);
    },
    async open(file, { hash = '', before, ...options } = {}) {
      const context = await browser.newContext({
        viewport: { width: 1400, height: 900 },
        ...options,
      });
      context.setDefaultTimeout(WAIT_MS);
      if (before !== undefined) await context.addInitScript(before);
      const page = await context.newPage();
      const complaints: string[] = [];
      const url = `file://${file}`;
      page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
      page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
      page.on('request', (request) => {
        const isOwn = request.url() === url || request.url().startsWith('data:');
        if (!isOwn) complaints.push(`request: ${request.url()}`);
      });
      await page.goto(url + hash);
      const measured = "performance.getEntriesByName('ferry-interactive')[0]?.duration";
      const interactiveMs = await measuredIn(page, measured);
      return { page, complaints, interactiveMs };
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}

/** Asked from outside: the page's own policy forbids whatever would wait for it inside. */
async function measuredIn(page: Page, expression: string): Promise<number> {
  for (const until = Date.now() + WAIT_MS; Date.now() < until; ) {
    const value: unknown = await page.evaluate(expression);
    if (typeof value === 'number') return value;
    await page.waitForTimeout(10);
  }
  throw new Error(`the page did not come to life within ${WAIT_MS} ms`);
}

/** Runs in the browser, which knows how to read a picture. */
const COUNT_COLOURS = `async (url) => {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  const counts = new Map();
  for (let i = 0; i < data.length; i += 4) {
    const key = data[i] + ',' + data[i + 1] + ',' + data[i + 2];
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts];
}`;
