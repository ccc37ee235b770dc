/**
 * Passwords that were typed, kept in memory to be used again, and wiped when they turn out wrong or aren't needed any
 * more. They are bytes, since a string can't be wiped: that in which one was typed is gone when the runtime gets to it.
 */

export interface Secret {
  readonly bytes: Uint8Array;
  /** Tells this one from those that were remembered under the same name before. */
  readonly serial: number;
}

export class LocalSecrets {
  readonly #secrets = new Map<string, Secret>();
  #serial = 0;

  get(name: string): Secret | undefined {
    return this.#secrets.get(name);
  }

  /** Without a name it is handed out once, and not kept. */
  remember(name: string | undefined, text: string): Secret {
    const secret = { bytes: new TextEncoder().encode(text), serial: ++this.#serial };
    if (name !== undefined) {
      this.#wipe(name);
      this.#secrets.set(name, secret);
    }
    return secret;
  }

  /** It was refused. Another one that came under this name meanwhile stays. */
  forget(name: string, serial: number): void {
    if (this.#secrets.get(name)?.serial === serial) this.#wipe(name);
  }

  wipe(): void {
    for (const name of this.#secrets.keys()) this.#wipe(name);
  }

  #wipe(name: string): void {
    this.#secrets.get(name)?.bytes.fill(0);
    this.#secrets.delete(name);
  }
}
