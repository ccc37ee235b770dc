/**
 * Loads `ferry.config.ts`: code of the user's, run by Node, which takes the types out. `nix-ferry` in it is this very
 * program, whether or not it is installed beside the file.
 */
import { existsSync, realpathSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { basename, dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { FerryError, messageOf } from '../../error.ts';
import type { FleetConfig } from './define-fleet.ts';
import { unlessAborted } from '../../system/pause.ts';
import { checkFleetConfig } from './fleet-schema.ts';
import { asWritten } from './spelling.ts';

export interface LoadConfigOptions {
  /** How messages call it. */
  readonly name: string;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/** What it waits for (a list of machines from somewhere) may take so long. */
const TIMEOUT_MS = 120_000;

/** @throws FerryError `usage`, and the reason of the signal */
export async function loadConfigModule(
  file: string,
  { name, signal, timeoutMs = TIMEOUT_MS }: LoadConfigOptions,
): Promise<FleetConfig> {
  signal?.throwIfAborted();
  const limit = new AbortController();
  // It also keeps the program alive while a promise is waited for that nothing will ever fulfil.
  const timer = setTimeout(() => {
    const why = `it took longer than ${timeoutMs / 1000} s`;
    limit.abort(new FerryError('unavailable', `cannot run "${name}": ${why}`));
  }, timeoutMs);
  const stop = signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal]);
  try {
    // Node knows it by its real path, and errors name that.
    const value = await unlessAborted(evaluate(realpathSync(file), name), stop);
    return checkFleetConfig(value, { what: `fleet of "${name}"`, spell: asWritten });
  } finally {
    clearTimeout(timer);
  }
}

async function evaluate(file: string, name: string): Promise<unknown> {
  const { href } = pathToFileURL(file);
  const hooks = registerHooks({ resolve: resolveFor(href) });
  try {
    const module = (await import(href)) as Readonly<Record<string, unknown>>;
    if (!('default' in module)) {
      throw new FerryError('usage', `cannot use the fleet of "${name}": it has no default export`, {
        hint: 'it is written: export default defineFleet({ hosts: { … } })',
      });
    }
    const definition = await module['default'];
    return typeof definition === 'function' ? await (definition as () => unknown)() : definition;
  } catch (error) {
    if (error instanceof FerryError) throw error;
    const place = placeIn(dirname(file), error);
    throw new FerryError('usage', `cannot run "${name}": ${place}${whyOf(error)}`, {
      cause: error,
    });
  } finally {
    hooks.deregister();
  }
}

type ResolveHook = NonNullable<Parameters<typeof registerHooks>[0]['resolve']>;

function resolveFor(entryUrl: string): ResolveHook {
  return (specifier, context, nextResolve) => {
    if (specifier === 'nix-ferry') return { url: libraryUrl(), shortCircuit: true };
    const resolved = nextResolve(specifier, context);
    const { url, format } = resolved;
    const isTypeScript = /\.m?ts$/.test(url);
    // It is a module whatever a package.json near it says of its own package. Of TypeScript beside it Node would have to
    // find out what it is, and say so.
    const isUntold = isTypeScript && url.startsWith('file:') && format !== 'commonjs-typescript';
    if (url !== entryUrl && (!isUntold || url.includes('/node_modules/'))) return resolved;
    return { ...resolved, format: isTypeScript ? 'module-typescript' : 'module' };
  };
}

/** Of a checkout its sources; of what is published the library; else all that a configuration needs to have. */
function libraryUrl(): string {
  const here = import.meta.url;
  const candidates = ['../../index.ts', './lib/index.js', '../lib/index.js'];
  const library = candidates
    .map((candidate) => new URL(candidate, here))
    .find((url) => existsSync(fileURLToPath(url)));
  const own = 'export const defineFleet = (definition) => definition;';
  const all = library === undefined ? '' : `export * from ${JSON.stringify(library.href)};`;
  return `data:text/javascript,${encodeURIComponent(own + all)}`;
}

/** `machines.ts:3:7: ` where the error says so. Errors of syntax name the file in their first line. */
function placeIn(directory: string, error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  for (const start of [pathToFileURL(`${directory}/`).href, `${directory}/`]) {
    const at = stack.indexOf(start);
    const found = at < 0 ? null : /^([^\s():]+:\d+(?::\d+)?)/.exec(stack.slice(at + start.length));
    if (found !== null) return `${found[1]}: `;
  }
  return '';
}

function whyOf(error: unknown): string {
  const message = messageOf(error).trim();
  return message === '' ? 'it throws an error' : message;
}

/** Names under which it is looked for. */
export const moduleNames: readonly string[] = ['ts', 'mts', 'js', 'mjs'].map(
  (extension) => `ferry.config.${extension}`,
);

export function isModuleName(file: string): boolean {
  return /\.m?[jt]s$/.test(basename(file));
}
