/** A key pair in two files, as `nix-store --generate-binary-cache-key` writes them: over what was there. */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { formatPublicKey, formatSecretKey, type SecretKey } from '../format/signature.ts';
import { errnoOf, translateOsError } from '../system/os-error.ts';

const { O_WRONLY, O_CREAT, O_EXCL } = constants;
/** What a mode gives to the group and to others. */
const NOT_THE_OWNER = 0o077;

/**
 * Both are written or, where one can't be, neither is touched. Nobody but the owner may read the secret one afterwards,
 * even where it was there and others might. Pipes and devices are written to as well; links are followed.
 * @throws FerryError `not-found`, `denied`, `no-space`
 */
export function overwriteKeyFiles(secretFile: string, publicFile: string, key: SecretKey): void {
  using open = new OpenFile(publicFile, 0o644);
  using secret = new OpenFile(secretFile, 0o600);
  secret.write(formatSecretKey(key));
  open.write(formatPublicKey(key.publicKey));
}

class OpenFile implements Disposable {
  readonly #file: string;
  readonly #fd: number;
  readonly #isNew: boolean;
  readonly #mode: number;
  #isWritten = false;

  /** Nothing is lost yet of what was there. */
  constructor(file: string, mode: number) {
    this.#file = file;
    this.#mode = mode;
    const made = this.#translating(() => openNew(file, mode));
    this.#isNew = made !== undefined;
    this.#fd = made ?? this.#translating(() => openSync(file, O_WRONLY | O_CREAT, mode));
  }

  write(text: string): void {
    const fd = this.#fd;
    this.#translating(() => {
      const stats = fstatSync(fd);
      if (stats.isFile()) {
        // A new one gets its mode whatever the mask is.
        if (this.#isNew || (stats.mode & NOT_THE_OWNER & ~this.#mode) !== 0) {
          fchmodSync(fd, this.#mode);
        }
        ftruncateSync(fd);
      }
      writeFileSync(fd, text);
      if (stats.isFile()) fsyncSync(fd);
    });
    this.#isWritten = true;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
    if (this.#isWritten || !this.#isNew) return;
    try {
      unlinkSync(this.#file);
    } catch {
      // What kept it from being written is the failure to tell.
    }
  }

  #translating<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      throw translateOsError(error, 'write a key to', this.#file);
    }
  }
}

/** Undefined where there is something of that name. */
function openNew(file: string, mode: number): number | undefined {
  try {
    return openSync(file, O_WRONLY | O_CREAT | O_EXCL, mode);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return undefined;
    throw error;
  }
}
