/**
 * Finds the state of Terraform or OpenTofu and reads it: a file, stdin, or a directory, of which the program itself is
 * asked where the state isn't kept in it.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readConfigText } from '../../../config/read-config-text.ts';
import { FerryError, isFerryError } from '../../../error.ts';
import { translateOsError } from '../../../system/os-error.ts';
import { startProcess } from '../../../system/process.ts';
import { ownProperty } from './attribute-path.ts';

export interface ReadTerraformOptions {
  /** How messages call it. */
  readonly name: string;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/** A state of ten thousand machines has a tenth of it. */
const BYTES_MAX = 256 << 20;
/** The program may have to fetch the state from far away. */
const TIMEOUT_MS = 120_000;

/** The text of a state. @param path absolute, or `-`. @throws FerryError */
export async function readTerraform(path: string, options: ReadTerraformOptions): Promise<string> {
  options.signal?.throwIfAborted();
  if (path === '-') return await textOf(options.stdin, options);
  let isDirectory: boolean;
  try {
    isDirectory = statSync(path).isDirectory();
  } catch (error) {
    throw translateOsError(error, 'read', options.name);
  }
  if (!isDirectory) return await readStateFile(path, options);
  const file = stateFileIn(path, options.variables);
  return file === undefined ? await askProgram(path, options) : await readStateFile(file, options);
}

async function readStateFile(file: string, options: ReadTerraformOptions): Promise<string> {
  try {
    await using handle = await open(file);
    return await textOf(handle.createReadStream({ autoClose: false }), options);
  } catch (error) {
    throw translateOsError(error, 'read', options.name);
  }
}

async function textOf(
  bytes: AsyncIterable<Uint8Array>,
  { name, signal }: ReadTerraformOptions,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    signal?.throwIfAborted();
    size += chunk.length;
    if (size > BYTES_MAX) {
      throw new FerryError('usage', `cannot read "${name}": it has more than ${BYTES_MAX} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Of the workspace that is chosen there; undefined where states are kept elsewhere. */
function stateFileIn(
  directory: string,
  variables: ReadTerraformOptions['variables'],
): string | undefined {
  const inside = resolve(directory, variables['TF_DATA_DIR'] || '.terraform');
  const backend = readConfigText(join(inside, 'terraform.tfstate'));
  if (backend.state === 'read' && isElsewhere(backend.text)) return undefined;
  const chosen = readConfigText(join(inside, 'environment'));
  const workspace =
    variables['TF_WORKSPACE'] || (chosen.state === 'read' ? chosen.text.trim() : '') || 'default';
  const file =
    workspace === 'default'
      ? join(directory, 'terraform.tfstate')
      : join(directory, 'terraform.tfstate.d', workspace, 'terraform.tfstate');
  return existsSync(file) ? file : undefined;
}

/** What `terraform init` wrote of the backend. */
function isElsewhere(text: string): boolean {
  let backend: unknown;
  try {
    backend = ownProperty(JSON.parse(text), 'backend');
  } catch {
    // It isn't for us to say that it is damaged: the program will.
    return true;
  }
  const type = ownProperty(backend, 'type') ?? 'local';
  return (
    type !== 'local' || typeof ownProperty(ownProperty(backend, 'config'), 'path') === 'string'
  );
}

/** The one that made the directory first. */
function programsFor(directory: string): readonly string[] {
  try {
    const locks = readFileSync(join(directory, '.terraform.lock.hcl'), 'utf8');
    if (locks.includes('registry.opentofu.org')) return ['tofu', 'terraform'];
  } catch {
    // Without providers there is no such file.
  }
  return ['terraform', 'tofu'];
}

async function askProgram(directory: string, options: ReadTerraformOptions): Promise<string> {
  for (const program of programsFor(directory)) {
    try {
      return await ask(program, directory, options);
    } catch (error) {
      if (!isFerryError(error, 'not-found')) throw error;
    }
  }
  throw new FerryError(
    'not-found',
    `cannot read a state of Terraform in "${options.name}": there is no terraform.tfstate, and neither terraform nor tofu to ask`,
    { hint: 'where they are: terraform show -json > state.json, then --terraform state.json' },
  );
}

async function ask(
  program: string,
  directory: string,
  options: ReadTerraformOptions,
): Promise<string> {
  const { variables, signal, timeoutMs = TIMEOUT_MS, name } = options;
  const limit = AbortSignal.timeout(timeoutMs);
  const stop = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  const args = ['show', '-json', '-no-color'];
  // Nobody is there to answer what it might ask.
  const env = { ...variables, TF_INPUT: '0', TF_IN_AUTOMATION: '1' };
  const child = await startProcess(program, args, { cwd: directory, env });
  const onStop = (): void => void child.abort();
  stop.addEventListener('abort', onStop);
  try {
    child.end();
    const text = await textOf(child.readable, { ...options, signal: undefined });
    const { status } = await child.exited;
    stop.throwIfAborted();
    if (status === 0) return text;
    const { said } = await child.ending();
    throw new FerryError(
      'unavailable',
      `cannot read a state of Terraform in "${name}": "${program} show -json" ended with status ${status ?? 'none'}`,
      said === '' ? {} : { hint: `it said: ${said.slice(-SAID_MAX)}` },
    );
  } catch (error) {
    signal?.throwIfAborted();
    if (!limit.aborted) throw error;
    throw new FerryError(
      'unavailable',
      `cannot read a state of Terraform in "${name}": "${program} show -json" took longer than ${timeoutMs / 1000} s`,
    );
  } finally {
    stop.removeEventListener('abort', onStop);
    await child.abort();
  }
}

const SAID_MAX = 2000;
