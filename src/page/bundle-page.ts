/**
 * Makes the page's script and style out of `browser/`: when ferry is built, and in a checkout at the moment they are
 * needed. The only file of the sources that knows the bundler, which nobody has who installed ferry.
 */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { OutputChunk } from 'rolldown';
import type { PageCode } from './page-code.ts';

/** @param directory This one: where `browser/` lies. */
export async function bundlePage(directory: string): Promise<PageCode> {
  const { rolldown } = await import('rolldown');
  const bundle = await rolldown({
    input: join(directory, 'browser/main.ts'),
    platform: 'browser',
    tsconfig: false,
  });
  let chunk: OutputChunk;
  try {
    const { output } = await bundle.generate({ format: 'iife', minify: true });
    chunk = output[0];
  } finally {
    await bundle.close();
  }
  const script = `${await noticesOf(chunk.moduleIds)}\n${chunk.code.trim()}\n`;
  // Either would end the element that the script stands in, or hide its end.
  if (/<\/script|<!--/i.test(script)) throw new Error('the page’s script can’t stand in a page');
  return { script, style: shrunk(await readFile(join(directory, 'browser/page.css'), 'utf8')) };
}

/** The licences of the libraries that went in, which ask to be kept with the code. */
async function noticesOf(modules: readonly string[]): Promise<string> {
  const directories = new Set<string>();
  for (const module of modules) {
    const directory = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(module)?.[1];
    if (directory !== undefined) directories.add(directory);
  }
  const notices: string[] = [];
  for (const directory of [...directories].sort()) {
    const file = (await readdir(directory)).find((name) => /^licen[cs]e/i.test(name));
    if (file === undefined)
      throw new Error(`"${directory}" has no licence that the page could keep`);
    const { name, version } = JSON.parse(
      await readFile(join(directory, 'package.json'), 'utf8'),
    ) as { readonly name: string; readonly version: string };
    const licence = (await readFile(join(directory, file), 'utf8')).trim();
    notices.push(`${name} ${version}\n\n${licence.replaceAll('*/', '* /')}`);
  }
  return `/*! With parts of:\n\n${notices.join('\n\n\n')}\n*/`;
}

/** A stylesheet without its comments and indentation. */
function shrunk(style: string): string {
  return style
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\n\s*/g, '\n')
    .trim();
}
