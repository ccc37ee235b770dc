/**
 * Gives a program on a host the password that it asks for: when it asks and not before, the one that was right last time
 * first, and after that at most three that somebody types.
 */
import { FerryError } from '../error.ts';
import type { RootScene } from './root-scene.ts';
import { sshDestination } from '../system/ssh-arguments.ts';
import { questionsOf } from './questions.ts';

const triesMax = 3;

export class PasswordDialog {
  readonly #scene: RootScene;
  readonly #name: string;
  #lastSerial: number | undefined;
  /** Those that were given: what is told of the end must not repeat them. */
  readonly #given = new Set<string>();
  #typed = 0;

  constructor(scene: RootScene) {
    this.#scene = scene;
    const { uri } = scene;
    // Both want the same one of the same user: what sudo found right, doas does too.
    this.#name = `root ${sshDestination(uri)}:${uri.port ?? ''}`;
  }

  /** Whether another one would be asked for. */
  get hasTriesLeft(): boolean {
    return this.#typed < triesMax;
  }

  /** Whether one was given, which then was wrong if it goes on asking. */
  get hasGiven(): boolean {
    return this.#lastSerial !== undefined;
  }

  /**
   * The next password, with a line end.
   * @throws FerryError `denied` when nobody can be asked, or it was wrong too often; `signal.reason`
   */
  async next(signal: AbortSignal): Promise<Uint8Array> {
    const { scene, name, facts, root } = this.#scene;
    if (scene.askSecret === undefined) throw nobodyToAsk(this.#scene);
    if (!this.hasTriesLeft) {
      this.refused();
      throw this.wrong();
    }
    const answer = await questionsOf(scene.askSecret).answer({
      text: `${this.hasGiven ? 'that was wrong; ' : ''}password of "${facts.user}" on "${name}" for ${root.how}: `,
      name: this.#name,
      refused: this.#lastSerial,
      signal,
    });
    if (answer === undefined) throw nobodyToAsk(this.#scene);
    if (answer.isNew) this.#typed++;
    this.#lastSerial = answer.serial;
    this.#given.add(Buffer.from(answer.bytes).toString('utf8'));
    return Buffer.concat([answer.bytes, Buffer.from('\n')]);
  }

  /** The last one was wrong, and isn't tried again. */
  refused(): void {
    const { askSecret } = this.#scene.scene;
    if (askSecret !== undefined && this.#lastSerial !== undefined) {
      questionsOf(askSecret).forget(this.#name, this.#lastSerial);
    }
  }

  /** What the host said, for messages: a terminal may have shown what was typed, and a host may say anything. */
  withoutPasswords(text: string): string {
    let plain = text;
    for (const given of this.#given) if (given !== '') plain = plain.replaceAll(given, '***');
    return plain;
  }

  wrong(): FerryError {
    const { name, facts, root } = this.#scene;
    const what = `cannot become root on "${name}"`;
    const times = this.#typed === 1 ? 'was wrong' : `was wrong ${this.#typed} times`;
    return new FerryError('denied', `${what}: the password of "${facts.user}" ${times}`, {
      hint: `${root.how} there wants the password of the user who logs in, and may lock him out for a while`,
    });
  }
}

function nobodyToAsk({ name, facts, root }: RootScene): FerryError {
  return new FerryError(
    'denied',
    `cannot become root on "${name}": ${root.how} wants the password of "${facts.user}", and there is no terminal to ask on`,
    {
      hint: `log in as root, or let ${root.how} there ask for no password`,
    },
  );
}
