/**
 * ssh's own questions (password, passphrase, host key), asked by us: not on its terminal, one at a time over all hosts,
 * and none twice whose answer was right.
 */
import { FerryError } from '../error.ts';
import { openAskPass, type AskPassQuestion } from '../system/ask-pass.ts';
import { startProcess } from '../system/process.ts';
import { SSH, type SshCalls } from '../system/ssh-calls.ts';
import { sshDestination } from '../system/ssh-arguments.ts';
import { plainText } from '../wire/transport.ts';
import type { SshUri } from './host-login.ts';
import type { HostScene } from './host-scene.ts';
import { questionsOf, type Questions } from './questions.ts';
import type { TimeLimit } from './time-limit.ts';

export interface SshAnswers extends AsyncDisposable {
  /** What ssh must be started with; empty where it is to ask by itself, or not at all. */
  readonly variables: Readonly<Record<string, string>>;
  /** Called when a login begins and ends: what is to stand still while somebody is asked. */
  readonly watch: (login: WatchedLogin | undefined) => void;
  /** Nobody was let in: what was answered last is not to be tried again. */
  readonly forget: () => void;
}

export interface WatchedLogin {
  readonly limit: TimeLimit;
  /** There is nobody to ask: it can't go on. */
  readonly give: (error: FerryError) => void;
  /** A person is about to be asked, and should know what ssh has said so far: a server may explain its question. */
  readonly onQuestion: () => void;
}

export interface SshAnswersOptions {
  readonly name: string;
  readonly uri: SshUri;
  readonly calls: SshCalls;
  readonly scene: HostScene;
}

/** The first release that takes SSH_ASKPASS_REQUIRE. */
const RELEASE_MIN = 8.4;
/** In this one at the latest, what a server asks itself begins with `(user@host)`. */
const TELLS_WHO_ASKS = 8.6;
/** `ssh -V` does nothing; a wrapper of that name may. */
const releaseMs = 5000;
/** A server that asks more than this within a connection is not to be answered. */
const questionsMax = 20;

export async function answerSsh(options: SshAnswersOptions): Promise<SshAnswers> {
  const { calls, scene, name } = options;
  const none = {
    variables: {},
    watch: () => {},
    forget: () => {},
    [Symbol.asyncDispose]: async () => {},
  };
  const { askSecret } = scene;
  if (askSecret === undefined || calls.directory === undefined) return none;
  if (calls.config?.get('batchmode') === 'yes' || asksElsewhere(scene)) return none;
  const release = await sshRelease(scene);
  if (!(release >= RELEASE_MIN)) return none;
  const asking = new Asking(options, questionsOf(askSecret), release >= TELLS_WHO_ASKS);
  const askPass = await openAskPass({
    directory: calls.directory,
    env: calls.variables,
    answer: (question) => asking.answer(question),
    onNotice: (text) => scene.onDiagnostic?.(`${name}: ${plainText(text).trim()}`),
  });
  if (askPass === undefined) return none;
  return {
    variables: askPass.variables,
    watch: (login) => asking.watch(login),
    forget: () => asking.forget(),
    [Symbol.asyncDispose]: async () => askPass[Symbol.dispose](),
  };
}

/** The user has a program of his own for it, and wants it to be used. */
function asksElsewhere({ env }: HostScene): boolean {
  return /^(?:force|prefer)$/.test(env.variables['SSH_ASKPASS_REQUIRE'] ?? '');
}

let knownRelease: Promise<number> | undefined;

/** `OpenSSH_9.2p1` is 9.2; not a number where it is none. */
async function sshRelease({ env }: HostScene): Promise<number> {
  knownRelease ??= (async () => {
    const child = await startProcess(SSH, ['-V'], { env: env.variables });
    const timer = setTimeout(() => void child.abort(), releaseMs);
    child.end();
    await child.exited;
    clearTimeout(timer);
    const { said } = await child.ending();
    return Number(/OpenSSH_(?:for_Windows_)?(\d+\.\d+)/.exec(said)?.[1] ?? Number.NaN);
  })();
  return await knownRelease;
}

class Asking {
  readonly #options: SshAnswersOptions;
  readonly #questions: Questions;
  readonly #tellsWhoAsks: boolean;
  /** What each ssh was given. */
  readonly #given = new Map<string, { readonly name: string; readonly serial: number }>();
  #count = 0;
  #login: WatchedLogin | undefined;

  /** @param tellsWhoAsks whether ssh's own questions can be told from those of a server */
  constructor(options: SshAnswersOptions, questions: Questions, tellsWhoAsks: boolean) {
    this.#options = options;
    this.#questions = questions;
    this.#tellsWhoAsks = tellsWhoAsks;
  }

  watch(login: WatchedLogin | undefined): void {
    this.#login = login;
    this.#count = 0;
  }

  forget(): void {
    for (const { name, serial } of this.#given.values()) this.#questions.forget(name, serial);
  }

  async answer(question: AskPassQuestion): Promise<Uint8Array | undefined> {
    const answering = this.#answer(question);
    return await (this.#login?.limit.pausedFor(answering) ?? answering);
  }

  async #answer({ text, isConfirmation, asker, signal }: AskPassQuestion) {
    const { name } = this.#options;
    if (++this.#count > questionsMax) return undefined;
    const isVisible = isConfirmation || isAboutHostKey(text);
    const remembered = isVisible
      ? undefined
      : nameOfAnswer(text, this.#options, this.#tellsWhoAsks);
    const key = `${asker} ${remembered}`;
    this.#login?.onQuestion();
    const answer = await this.#questions.answer({
      text: shown(name, text, isVisible),
      name: remembered,
      refused: this.#given.get(key)?.serial,
      isVisible,
      signal,
    });
    if (answer === undefined) {
      this.#login?.give(nobodyToAsk(name, text));
      return undefined;
    }
    if (isConfirmation) return isYes(answer.bytes) ? new Uint8Array(0) : undefined;
    if (remembered !== undefined) {
      this.#given.set(key, { name: remembered, serial: answer.serial });
    }
    return Buffer.concat([answer.bytes, Buffer.from('\n')]);
  }
}

/** ssh's own question, and none of a server, which begins with `(user@host)`. */
function isAboutHostKey(text: string): boolean {
  return /^[^(][^]*\(yes\/no(?:\/\[fingerprint\])?\)[?:] *$|^Please type 'yes'/.test(text);
}

function isYes(bytes: Uint8Array): boolean {
  return /^y(?:es)?$/i.test(Buffer.from(bytes).toString().trim());
}

/**
 * Under which name an answer is good for other connections too. What the host itself asks for is answered to this host
 * alone, whatever it says. A passphrase, and the password of another host on the way, ssh itself asks for, in words
 * that no server can imitate since ssh puts `(user@host)` before theirs.
 */
export function nameOfAnswer(
  text: string,
  { uri, calls }: Pick<SshAnswersOptions, 'uri' | 'calls'>,
  tellsWhoAsks: boolean,
): string | undefined {
  const [, of] = /^([^\s()]\S*)'s password: $/.exec(text) ?? [];
  const isPassphrase = text.startsWith("Enter passphrase for key '");
  const isOfAnother = isPassphrase || (of !== undefined && !isTarget(of, uri, calls));
  if (isOfAnother && tellsWhoAsks) return `ssh ${text}`;
  const isGoodForOnce = /one.?time|\botp\b|token|\bcode\b|verification|\bPIN\b/i.test(text);
  if (isGoodForOnce && of === undefined && !isPassphrase) return undefined;
  return `ssh ${sshDestination(uri)}:${uri.port ?? ''} ${text}`;
}

function isTarget(of: string, uri: SshUri, { config }: Pick<SshCalls, 'config'>): boolean {
  const user = config?.get('user') ?? uri.user;
  const hosts = [uri.host, config?.get('hostname'), config?.get('hostkeyalias')];
  // Where ssh can't tell, each host is asked for by itself.
  return config === undefined || hosts.some((host) => of === cut(user, host));
}

/** As ssh cuts them in its question. */
function cut(user: string | undefined, host: string | undefined): string {
  return `${(user ?? '').slice(0, 30)}@${(host ?? '').slice(0, 128)}`;
}

/** What lets a terminal show letters in another order, or begin a line. */
const TURNS = /[\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/**
 * The question as ssh has it, with the name of the host. Each line of what may be a server's begins with that: else one
 * of them could pass for the question of another host.
 */
export function shown(name: string, text: string, isVisible: boolean): string {
  const plain = plainText(text).replaceAll(TURNS, '').trimEnd();
  return `${name}: ${isVisible ? plain : plain.replaceAll('\n', `\n${name}: `)} `;
}

function nobodyToAsk(name: string, text: string): FerryError {
  const question = plainText(text).trim().split('\n').at(-1) ?? '';
  return new FerryError('denied', `cannot log in to "${name}": ssh asks "${question}"`, {
    hint: 'there is no terminal to ask on: use a key that needs no passphrase, or ssh-agent, and accept the key of the host beforehand',
  });
}
