/** Connects to a host: logs in, finds out what it is, and keeps the login for all that is done there. */
import { parseStoreUri } from '../config/store-uri.ts';
import { storeDirOf } from '../config/environment.ts';
import { FerryError } from '../error.ts';
import { openStore } from '../store/open-store.ts';
import type { Store } from '../store/store.ts';
import type { PrepareSsh } from '../system/ssh.ts';
import { plainText } from '../wire/transport.ts';
import { quoteShellWord } from '../system/shell-words.ts';
import { beginSession, type Session, type SessionRequest } from './begin-session.ts';
import type { HostConnection, HostRun, HostRunOptions } from './host-connection.ts';
import type { HostFacts } from './host-facts.ts';
import { logIn, lost, type HostLogin, type SshUri } from './host-login.ts';
import type { HostScene } from './host-scene.ts';
import type { HostTarget } from './host-target.ts';
import { RootDoor } from './root-door.ts';
import { beginAsRoot } from './root-session.ts';
import { runScript } from './run-script.ts';
import { Slots } from './slots.ts';
import { sessionSetUp, surveyHost, type Survey } from './survey.ts';

/** sshd allows ten sessions per connection: one holds the login, these are for scripts, the rest is for stores. */
const scriptsMax = 4;
const storeConnectionsMax = 4;
/** Characters of a line of the store's program that are passed on. */
const lineMax = 8192;
/** A host whose disks must wake. */
const surveyMs = 120_000;

/**
 * Logged in and surveyed when this returns.
 * @throws FerryError `usage` for a URI of another kind, `unavailable`, `denied`, `protocol`; `signal.reason`
 */
export async function openHost(target: HostTarget, scene: HostScene): Promise<HostConnection> {
  return await connect(target, scene, { signal: scene.signal });
}

interface ConnectOptions {
  readonly isFresh?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

async function connect(
  target: HostTarget,
  scene: HostScene,
  { isFresh, signal }: ConnectOptions,
): Promise<HostConnection> {
  const uri = sshUriOf(target);
  const login = await logIn({ name: target.name, uri, scene, isFresh, signal });
  try {
    const slots = new Slots(scriptsMax);
    const survey = await surveyHost({
      name: target.name,
      storeDir: realStoreDirOf(uri, scene),
      becomeRoot: target.becomeRoot,
      run: (script, args) =>
        runScript(
          { name: target.name, setUp: '', begin: (request) => beginSession(login, request) },
          script,
          { args, signal, timeoutMs: surveyMs },
        ),
    });
    return new Connection({ target, scene, uri, login, survey, slots });
  } catch (error) {
    await login[Symbol.asyncDispose]();
    throw error;
  }
}

interface Parts {
  readonly target: HostTarget;
  readonly scene: HostScene;
  readonly uri: SshUri;
  readonly login: HostLogin;
  readonly survey: Survey;
  readonly slots: Slots;
}

class Connection implements HostConnection {
  readonly host: HostTarget;
  readonly facts: HostFacts;
  readonly #parts: Parts;
  readonly #stores = new AsyncDisposableStack();
  readonly #door: RootDoor;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.host = parts.target;
    this.facts = parts.survey.facts;
    this.#door = new RootDoor(parts.survey.roots);
  }

  async run(script: string, options: HostRunOptions = {}): Promise<HostRun> {
    const { survey, slots } = this.#parts;
    const asRoot = options.asRoot ?? false;
    const { becomesRoot } = this.facts;
    if (asRoot && becomesRoot.how === 'impossible') {
      throw new FerryError(
        'denied',
        `cannot become root on "${this.host.name}": ${becomesRoot.why}`,
      );
    }
    const isBecoming = asRoot && survey.roots.length > 0;
    return await slots.use(options.signal, () =>
      runScript(
        {
          name: this.host.name,
          setUp: sessionSetUp(survey, isBecoming),
          begin: (request, signal) => this.#begin(request, isBecoming, signal),
        },
        script,
        options,
      ),
    );
  }

  async openStore(): Promise<Store> {
    const { scene, uri } = this.#parts;
    const { env, settings, workers, overrides, onDiagnostic } = scene;
    const opened = await openStore(withFewConnections(this.host.uri, uri), {
      env,
      settings,
      workers,
      overrides,
      onDiagnostic,
      prepareSsh: this.#prepareSsh,
    });
    if (!this.#stores.disposed) return this.#stores.use(opened);
    await opened[Symbol.asyncDispose]();
    throw lost(this.host.name);
  }

  async reconnect({ signal }: { readonly signal?: AbortSignal | undefined } = {}) {
    const { target, scene } = this.#parts;
    return await connect(target, scene, { isFresh: true, signal: signal ?? scene.signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#stores.disposeAsync();
    } finally {
      await this.#parts.login[Symbol.asyncDispose]();
    }
  }

  #begin(
    request: SessionRequest,
    isBecomingRoot: boolean,
    signal: AbortSignal | undefined,
  ): Promise<Session> {
    const { login, scene, target, uri } = this.#parts;
    if (!isBecomingRoot) return beginSession(login, request);
    const root = { name: target.name, uri, login, facts: this.facts, scene, signal };
    return beginAsRoot(root, this.#door, request);
  }

  /** The program of the store, as root where that can be. */
  readonly #prepareSsh: PrepareSsh = async ({ program, args, onStderrLine }) => {
    const { login, survey, uri, scene } = this.#parts;
    const isBecoming = survey.roots.length > 0;
    const words = uri.parameters.has('remote-program') ? program : this.#programOf(program);
    return {
      destination: login.destination,
      authenticates: false,
      connect: async () => {
        const request = {
          line: `${sessionSetUp(survey, isBecoming)}unset ferry_line;exec "$@"`,
          words: [...words, ...args.map(quoteShellWord)],
          onStderr: linesOf(onStderrLine),
        };
        return await this.#begin(request, isBecoming, scene.signal);
      },
      [Symbol.asyncDispose]: async () => {},
    };
  };

  #programOf(usual: readonly string[]): readonly string[] {
    const { survey } = this.#parts;
    const found = usual[0] === 'nix-daemon' ? survey.nixDaemon : survey.facts.nixStore;
    return found === undefined ? usual : found.map(quoteShellWord);
  }
}

function linesOf(onLine: ((line: string) => void) | undefined): SessionRequest['onStderr'] {
  if (onLine === undefined) return undefined;
  let line = '';
  return (text) => {
    const lines = (line + text).split('\n');
    line = (lines.pop() ?? '').slice(-lineMax);
    for (const whole of lines) if (whole !== '') onLine(plainText(whole));
  };
}

function sshUriOf({ name, uri }: HostTarget): SshUri {
  const parsed = parseStoreUri(uri);
  if (parsed.kind === 'ssh' || parsed.kind === 'ssh-ng') return parsed;
  throw new FerryError('usage', `host "${name}" is at "${uri}", which is not reached by ssh`, {
    hint: 'a host is written ssh://[user@]host[:port] or ssh-ng://[user@]host[:port]',
  });
}

/** Where the store lies on the host's disk, as far as the URI tells. */
function realStoreDirOf({ parameters }: SshUri, { env }: HostScene): string {
  const storeDir = parameters.get('store') ?? storeDirOf(env);
  const remote = parameters.get('remote-store') ?? '';
  const root = /^(\/[^?]*)/.exec(remote)?.[1] ?? /[?&]root=([^&]+)/.exec(remote)?.[1];
  const path = root === undefined ? storeDir : `${root.replace(/\/+$/, '')}${storeDir}`;
  return path.startsWith('/') ? path : storeDir;
}

function withFewConnections(text: string, { parameters }: SshUri): string {
  if (Number(parameters.get('max-connections') ?? 1) <= storeConnectionsMax) return text;
  return text.replace(/([?&]max-connections=)\d+/, `$1${storeConnectionsMax}`);
}
