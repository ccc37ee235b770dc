/** A file of the internet, or of this machine by a `file:` URL, on its way to disk. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Settings } from '../config/settings.ts';
import { uriWithoutSecrets } from '../config/uri-without-secrets.ts';
import { FerryError } from '../error.ts';
import { httpAccess } from '../store/cache/http-access.ts';
import { httpObjectsOptions } from '../store/cache/http-options.ts';
import { answerError, isSuccess } from '../store/cache/http-status.ts';
import { decodeContent } from '../system/http/content-encoding.ts';
import { parseHttpUrl, printUrl } from '../system/http/http-url.ts';
import { openHttp } from '../system/http/open-http.ts';
import { translateOsError } from '../system/os-error.ts';
import type { CommandContext } from './context.ts';

export interface DownloadOptions {
  readonly settings: Settings;
  readonly onLine: (line: string) => void;
}

/**
 * Downloads to a new file.
 * @throws FerryError `usage` for what is no such URL, `not-found`, `unavailable`, `denied`
 */
export async function download(
  context: CommandContext,
  text: string,
  file: string,
  { settings, onLine }: DownloadOptions,
): Promise<void> {
  const { signal } = context;
  if (text.startsWith('file:')) {
    await writeAll(file, readLocal(text, signal));
    return;
  }
  if (!/^https?:\/\//.test(text)) {
    const shown = uriWithoutSecrets(text);
    throw new FerryError(
      'usage',
      `cannot download "${shown}": it is no URL of http, https or file`,
    );
  }
  const options = httpObjectsOptions(text, new Map(), {
    env: context.env,
    settings,
    onDiagnostic: onLine,
  });
  const { credentials } = httpAccess(text, () => options.readNetrc?.() ?? { entries: [] });
  const url = withoutCredentials(text);
  await using http = openHttp({ ...options.http, credentials });
  const response = await http.request('GET', url, { signal });
  try {
    const name = printUrl(url);
    if (!isSuccess(response.status)) {
      if (response.status === 404 || response.status === 410) {
        throw new FerryError('not-found', `cannot fetch "${name}": there is no such file`);
      }
      throw answerError(response.status, {
        doing: 'fetch',
        name,
        store: name,
        unreadable: undefined,
      });
    }
    const encoding = response.headers.get('content-encoding');
    await writeAll(file, decodeContent(encoding, response.bytes, { name, signal }));
  } finally {
    response.discard();
  }
}

function withoutCredentials(text: string): URL {
  const url = parseHttpUrl(text);
  url.username = '';
  url.password = '';
  return url;
}

async function* readLocal(text: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  let path: string;
  try {
    path = fileURLToPath(text);
  } catch (cause) {
    throw new FerryError('usage', `"${text}" names no file`, { cause });
  }
  try {
    yield* createReadStream(path, { signal }) as AsyncIterable<Uint8Array>;
  } catch (error) {
    signal.throwIfAborted();
    throw translateOsError(error, 'read', path);
  }
}

async function writeAll(file: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const handle = await open(file, 'wx', 0o644);
  try {
    for await (const chunk of bytes) {
      try {
        await handle.writeFile(chunk);
      } catch (error) {
        throw translateOsError(error, 'write', file);
      }
    }
  } finally {
    await handle.close();
  }
}
