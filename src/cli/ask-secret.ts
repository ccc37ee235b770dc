/**
 * Asks the person in front of the terminal for a password: on the terminal itself, so that stdin and stdout may be
 * anything, and without showing what is typed. The terminal is as before afterwards, whatever happens.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import type { AskSecret, AskSecretOptions } from '../host/host-scene.ts';
import type { CommandContext } from './context.ts';
import { withTerminal } from './ui/terminal-turn.ts';

/** The process's own terminal, whatever its streams are. */
const TERMINAL = '/dev/tty';
const answerMax = 4096;

/** Answers undefined where there is no terminal. Aborted, it throws the reason. */
export function openAskSecret({ signal }: Pick<CommandContext, 'signal'>): AskSecret {
  return async (question, options = {}) => {
    const asked = options.signal === undefined ? signal : AbortSignal.any([signal, options.signal]);
    asked.throwIfAborted();
    let fd: number;
    try {
      fd = openSync(TERMINAL, 'r+');
    } catch {
      return undefined;
    }
    return await withTerminal(() => ask(fd, question, { ...options, signal: asked }));
  };
}

async function ask(
  fd: number,
  question: string,
  { isVisible = false, signal }: AskSecretOptions,
): Promise<string | undefined> {
  const show = (text: string): void => {
    try {
      writeSync(fd, text);
    } catch {
      // The terminal is gone; the end of its input says so.
    }
  };
  let terminal: ReadStream;
  try {
    terminal = new ReadStream(fd);
  } catch {
    closeSync(fd);
    return undefined;
  }
  const restore = (): void => void terminal.setRawMode(false);
  // Whatever ends this process in the middle of it.
  process.on('exit', restore);
  const onAbort = (): void => void terminal.destroy();
  signal?.addEventListener('abort', onAbort);
  try {
    terminal.setRawMode(true);
    show(question);
    const typed = await readLine(terminal, isVisible ? show : () => {});
    signal?.throwIfAborted();
    return typed;
  } finally {
    restore();
    show('\n');
    process.off('exit', restore);
    signal?.removeEventListener('abort', onAbort);
    terminal.destroy();
  }
}

const CONTROL_C = '\u0003';
const CONTROL_D = '\u0004';
const CONTROL_U = '\u0015';

/** Undefined when the terminal goes away. */
async function readLine(
  terminal: ReadStream,
  show: (text: string) => void,
): Promise<string | undefined> {
  const decoder = new TextDecoder();
  const line = new TypedLine(show);
  try {
    for await (const chunk of terminal) {
      const text = decoder.decode(chunk as Uint8Array, { stream: true });
      for (const character of text) if (line.take(character)) return line.text;
    }
  } catch {
    // Destroyed by an abort, or hung up.
  }
  return undefined;
}

/** What was typed so far, as a terminal of its own accord would edit it. */
export class TypedLine {
  readonly #show: (text: string) => void;
  #characters: string[] = [];

  constructor(show: (text: string) => void) {
    this.#show = show;
  }

  get text(): string {
    return this.#characters.join('');
  }

  /** Whether that was the end of the line. */
  take(character: string): boolean {
    switch (character) {
      case '\r':
      case '\n':
      case CONTROL_D:
        return true;
      case CONTROL_C:
        // In raw mode the terminal doesn't do so itself. Whoever asked is aborted by it.
        process.kill(process.pid, 'SIGINT');
        return false;
      case '\u007f':
      case '\b':
        if (this.#characters.pop() !== undefined) this.#show('\b \b');
        return false;
      case CONTROL_U:
        this.#show('\b \b'.repeat(this.#characters.length));
        this.#characters = [];
        return false;
      default:
        if (character >= ' ' && this.#characters.length < answerMax) {
          this.#characters.push(character);
          this.#show(character);
        }
        return false;
    }
  }
}
