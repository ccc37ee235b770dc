/**
 * One login at a host for all that is done there: a connection of ssh that the sessions share. It is held by a session of
 * its own, whose program there (`cat`) ends when our end of its stdin is gone: so nothing is left running when this
 * process is killed, neither here nor there.
 *
 * Where the user's own configuration shares connections, that is left as it is, and the first session is held open.
 */
import { join } from 'node:path';
import type { StoreUri } from '../config/store-uri.ts';
import { booleanParameter } from '../config/store-uri.ts';
import { FerryError } from '../error.ts';
import { crypto } from '../format/crypto.ts';
import { startProcess, type ProcessOptions, type RunningProcess } from '../system/process.ts';
import { sshDestination } from '../system/ssh-arguments.ts';
import { prepareSshCalls, SSH, type SshCalls } from '../system/ssh-calls.ts';
import type { HostScene } from './host-scene.ts';
import { loginError } from './login-error.ts';
import { answerSsh, type SshAnswers } from './ssh-questions.ts';
import { TimeLimit } from './time-limit.ts';

export type SshUri = Extract<StoreUri, { kind: 'ssh' | 'ssh-ng' }>;

export interface HostLogin extends AsyncDisposable {
  /** `[user@]host`, as it was written. */
  readonly destination: string;
  /** This machine itself, without ssh: the host that is called `localhost`, exactly. */
  readonly isHere: boolean;
  /** False once the connection was lost. */
  readonly isAlive: boolean;
  /** Starts a session, whose login shell reads `command`: a line that every shell understands the same. */
  start(command: string, options?: StartOptions): Promise<RunningProcess>;
}

interface StartOptions extends Pick<ProcessOptions, 'onStderr'> {
  /** With a terminal at the far end; its output comes on stdout. */
  readonly hasTerminal?: boolean | undefined;
}

export interface LoginOptions {
  /** How people call the host. */
  readonly name: string;
  readonly uri: SshUri;
  readonly scene: HostScene;
  /** A connection that shares nothing with any other, whatever the user's configuration says. */
  readonly isFresh?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** From the start to being let in, time for typing left out: ssh itself gives up on a silent host after 30 s. */
const loginMs = 120_000;
/** The same where ssh asks on its own terminal, and we don't know how long. */
const typingMs = 600_000;

/** What it says that is no news: a terminal of ours has nothing to do with one at the far end. */
const IDLE = /^(?:Shared c|C)onnection to .* closed|^mux_master_process_new_session: tcgetattr/;

/** Lines that are kept until somebody is asked something. */
const saidMax = 50;

/** What no session is to have, whatever the configuration says, and no end may add to our streams. */
const sessionOptions = ['-oClearAllForwardings=yes', '-oRemoteCommand=none', '-e', 'none'];

/** @throws FerryError `unavailable`, `denied`; `signal.reason` */
export async function logIn(options: LoginOptions): Promise<HostLogin> {
  options.signal?.throwIfAborted();
  return options.uri.host === 'localhost' ? logInHere(options) : await logInThere(options);
}

function logInHere({ uri, scene }: LoginOptions): HostLogin {
  const running = new Set<RunningProcess>();
  return {
    destination: sshDestination(uri),
    isHere: true,
    isAlive: true,
    async start(command, { onStderr } = {}) {
      const env = scene.env.variables;
      const child = await startProcess('/bin/sh', ['-c', command], {
        env,
        onStderr,
        isDetached: true,
      });
      running.add(child);
      void child.exited.then(() => running.delete(child));
      return child;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...running].map((child) => child.abort()));
    },
  };
}

async function logInThere(options: LoginOptions): Promise<HostLogin> {
  const { name, uri, scene, isFresh = false } = options;
  await using cleanup = new AsyncDisposableStack();
  const calls = cleanup.use(
    await prepareSshCalls({
      target: uri,
      env: scene.env.variables,
      identityFile: uri.parameters.get('ssh-key'),
      base64PublicHostKey: uri.parameters.get('base64-ssh-public-host-key'),
      compress: booleanParameter(uri.parameters, 'compress') ?? false,
      needsDirectory: true,
    }),
  );
  const own = isFresh || !sharesAlready(calls) ? join(calls.directory ?? '', 's') : undefined;
  const asking = cleanup.use(await answerSsh({ name, uri, calls, scene }));
  const env = { ...calls.variables, ...asking.variables };
  const master = await startMaster(options, calls, own, env, asking);
  cleanup.defer(() => master.abort());
  const running = new Set<RunningProcess>();
  cleanup.defer(async () => void (await Promise.all([...running].map((child) => child.abort()))));
  const kept = cleanup.move();
  return {
    destination: sshDestination(uri),
    isHere: false,
    get isAlive() {
      return master.isRunning;
    },
    async start(command, { hasTerminal = false, onStderr } = {}) {
      if (!master.isRunning) throw lost(name);
      const args = calls.arguments({
        sharing: own === undefined ? undefined : { socket: own, isMaster: false },
        further: [
          ...sessionOptions,
          hasTerminal ? '-tt' : '-T',
          ...(own === undefined ? [] : ['-oControlMaster=no']),
        ],
        command: [command],
      });
      const child = await startProcess(SSH, args, { env, onStderr });
      running.add(child);
      void child.exited.then(() => running.delete(child));
      return child;
    },
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}

export function lost(name: string): FerryError {
  return new FerryError('unavailable', `the connection to "${name}" was lost`);
}

/** Whether sessions meet by the user's own configuration. */
function sharesAlready({ config }: SshCalls): boolean {
  const path = config?.get('controlpath') ?? 'none';
  const master = config?.get('controlmaster') ?? 'no';
  return path !== 'none' && path !== '' && master !== 'no' && master !== 'false';
}

/** Done when the user is let in. */
async function startMaster(
  { name, scene, signal }: LoginOptions,
  calls: SshCalls,
  own: string | undefined,
  env: SshCalls['variables'],
  asking: SshAnswers,
): Promise<RunningProcess> {
  const mark = `ferry-${crypto().randomBytes(8).toString('hex')}`;
  const args = calls.arguments({
    sharing: own === undefined ? undefined : { socket: own, isMaster: true },
    further: [...sessionOptions, '-T'],
    command: [`exec /bin/sh -c 'echo ${mark};exec cat'`],
  });
  const { onDiagnostic } = scene;
  const mayType =
    env['SSH_ASKPASS_REQUIRE'] === undefined && calls.config?.get('batchmode') !== 'yes';
  let isIn = false;
  const said: string[] = [];
  const onQuestion = (): void => {
    for (const line of said.splice(0)) onDiagnostic?.(`${name}: ${line}`);
  };
  const master = await startProcess(SSH, args, {
    env,
    onStderrLine: (line) => {
      if (IDLE.test(line)) return;
      if (isIn || mayType) onDiagnostic?.(line);
      // What it says of a failure becomes the error.
      else if (said.length < saidMax) said.push(line);
    },
  });
  const onAbort = (): void => void master.abort();
  const limitMs = mayType ? typingMs : loginMs;
  const limit = new TimeLimit(limitMs, onAbort);
  let failure: FerryError | undefined;
  const give = (error: FerryError): void => {
    failure = error;
    onAbort();
  };
  asking.watch({ limit, give, onQuestion });
  signal?.addEventListener('abort', onAbort);
  try {
    signal?.throwIfAborted();
    isIn = await untilIn(master, mark, own !== undefined);
    signal?.throwIfAborted();
    if (isIn) return master;
    if (limit.isLate) {
      const seconds = Math.round(limitMs / 1000);
      throw new FerryError(
        'unavailable',
        `cannot log in to "${name}": not let in within ${seconds} s`,
      );
    }
    if (failure !== undefined) throw failure;
    const error = loginError(name, await master.ending());
    if (error.code === 'denied') asking.forget();
    throw error;
  } catch (error) {
    await master.abort();
    throw error;
  } finally {
    limit.end();
    asking.watch(undefined);
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Text beyond this is no login. */
const greetingMaxBytes = 1 << 20;

/**
 * A connection of ours says `started` first, before the shell there can say anything. Through one that others made
 * nobody says so; there it is the shell.
 */
async function untilIn(master: RunningProcess, mark: string, isOurs: boolean): Promise<boolean> {
  const isIn = Promise.withResolvers<boolean>();
  const read = async (): Promise<void> => {
    let seen = '\n';
    let isKnown = false;
    for await (const chunk of master.readable) {
      // Read on to the end: nothing that a shell prints may hold it up.
      if (isKnown || seen.length > greetingMaxBytes) continue;
      seen += Buffer.from(chunk).toString('latin1');
      isKnown = (isOurs && seen.startsWith('\nstarted\n')) || seen.includes(`${mark}\n`);
      if (isKnown) isIn.resolve(true);
    }
  };
  void read()
    .catch(() => {})
    .finally(() => isIn.resolve(false));
  return await isIn.promise;
}
