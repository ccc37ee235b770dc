/**
 * Requests to one bucket: the AWS SDK, loaded when the first is made, whose requests they are, in which region, how
 * often they are tried. The SDK signs, and speaks S3; it never retries by itself.
 */
import type * as SdkModule from '@aws-sdk/client-s3';
import type { Variables } from '../../config/environment.ts';
import { FerryError } from '../../error.ts';
import { deadHostsOfProcess, type DeadHosts } from '../../system/http/dead-hosts.ts';
import { proxyRulesOf } from '../../system/http/proxy-rules.ts';
import { pause, unlessAborted } from '../../system/pause.ts';
import { version } from '../../version.ts';
import { chooseCredentials, SILENT, type S3Credentials } from './s3-credentials.ts';
import {
  describeFailure,
  isOverloaded,
  isWrongRegion,
  mayPass,
  translateS3Error,
  type S3Failure,
} from './s3-errors.ts';
import { S3HttpHandler } from './s3-http-handler.ts';
import type { S3Location } from './s3-location.ts';
import { Turns } from './s3-turns.ts';

export type Sdk = typeof SdkModule;
export type S3Client = SdkModule.S3Client;

export interface S3ConnectionOptions {
  readonly location: S3Location;
  /** Credentials and proxies are looked for in there; files and services that the SDK knows count besides. */
  readonly variables: Variables;
  /** Requests at the same time. */
  readonly concurrency: number;
  /** How often a request that may yet succeed is made, the first time included. */
  readonly attemptsMax?: number | undefined;
  readonly connectTimeoutMs?: number | undefined;
  /** How long the server may stay silent while we wait for it. */
  readonly silenceMs?: number | undefined;
  /** Certificates to trust instead of the system's, PEM. */
  readonly caFile?: string | undefined;
  /** Default: the one that all of the process share. */
  readonly deadHosts?: DeadHosts | undefined;
  /** The first pause between two attempts; the others are longer. */
  readonly retryDelayMs?: number | undefined;
  /** The same where the server has too much to do. */
  readonly overloadedDelayMs?: number | undefined;
  readonly onDiagnostic?: ((line: string) => void) | undefined;
}

/** What a request is for, as errors tell it. */
export interface S3Request {
  /** "read", "write", "delete", "list". */
  readonly doing: string;
  /** With the prefix; empty for the bucket as a whole. */
  readonly key: string;
  readonly signal?: AbortSignal | undefined;
}

export interface CallTools {
  readonly sdk: Sdk;
  readonly client: S3Client;
  /** To be given to `client.send`. */
  readonly options: { readonly abortSignal?: AbortSignal };
}

const REGION_DEFAULT = 'us-east-1';
const ATTEMPTS_MAX = 5;
const CONNECT_TIMEOUT_MS = 15_000;
const SILENCE_MS = 60_000;
const RETRY_DELAY_MS = 250;
const OVERLOADED_DELAY_MS = 1000;
const RETRY_DELAY_MAX_MS = 60_000;
/** From one region to the next: a bucket is in one. */
const MOVES_MAX = 2;
const CLEANUP_MAX_MS = 10_000;
/** Who closes wants to be gone. */
const CLOSE_MAX_MS = 3000;

export class S3Connection implements AsyncDisposable {
  readonly location: S3Location;
  readonly #options: S3ConnectionOptions;
  readonly #turns: Turns;
  readonly #handler: S3HttpHandler;
  readonly #cleanups = new Set<Promise<unknown>>();
  #opened: Promise<Opened> | undefined;
  #region: string;
  #isAnonymous = false;
  #isDisposed = false;

  constructor(options: S3ConnectionOptions) {
    this.location = options.location;
    this.#options = options;
    this.#region = options.location.region ?? REGION_DEFAULT;
    this.#turns = new Turns(options.concurrency);
    this.#handler = new S3HttpHandler({
      connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
      silenceMs: options.silenceMs ?? SILENCE_MS,
      proxies: proxyRulesOf(options.variables),
      deadHosts: options.deadHosts ?? deadHostsOfProcess,
      caFile: options.caFile,
    });
  }

  get attemptsMax(): number {
    return this.#options.attemptsMax ?? ATTEMPTS_MAX;
  }

  /**
   * Makes a request until it succeeds, or will never.
   * @param call is called once for each attempt. What it throws of its own is not tried again.
   * @throws the failure as the SDK has it; `translate` makes it fit for people.
   */
  async attempt<T>(request: S3Request, call: (tools: CallTools) => Promise<T>): Promise<T> {
    const { signal } = request;
    return await this.#turns.take(async () => {
      let moves = 0;
      for (let attempt = 1; ; ) {
        if (this.#isDisposed) {
          throw new FerryError('internal', `"${this.location.uri}" is used after it was closed`);
        }
        const { sdk, client } = await unlessAborted(this.#open(), signal);
        try {
          const options = signal === undefined ? {} : { abortSignal: signal };
          return await unlessAborted(call({ sdk, client, options }), signal);
        } catch (error) {
          signal?.throwIfAborted();
          const failure = describeFailure(error);
          if (moves < MOVES_MAX && this.#follows(failure)) {
            moves += 1;
            continue;
          }
          if (attempt >= this.attemptsMax || !mayPass(failure)) throw error;
          await this.pauseAfter(failure, attempt, request);
          attempt += 1;
        }
      }
    }, signal);
  }

  /** `attempt`, with errors for people. */
  async run<T>(request: S3Request, call: (tools: CallTools) => Promise<T>): Promise<T> {
    try {
      return await this.attempt(request, call);
    } catch (error) {
      request.signal?.throwIfAborted();
      throw this.translate(error, request);
    }
  }

  translate(error: unknown, request: S3Request): unknown {
    return translateS3Error(error, {
      ...request,
      location: this.location,
      region: this.#region,
      isAnonymous: this.#isAnonymous,
    });
  }

  /** @param attempt the number of the one that failed, from 1. */
  async pauseAfter(failure: S3Failure, attempt: number, request: S3Request): Promise<void> {
    const { onDiagnostic } = this.#options;
    const base = isOverloaded(failure)
      ? (this.#options.overloadedDelayMs ?? OVERLOADED_DELAY_MS)
      : (this.#options.retryDelayMs ?? RETRY_DELAY_MS);
    // Never all at the same moment: they would be too many again.
    const random = 0.5 + Math.random();
    const wanted = base * 2 ** (attempt - 1) * random;
    const ms = Math.max(Math.min(wanted, RETRY_DELAY_MAX_MS), failure.retryAfterMs ?? 0);
    const why = [failure.status ?? '', failure.code || failure.message].join(' ').trim();
    onDiagnostic?.(
      `warning: cannot ${request.doing} "${this.location.uri}/${request.key}": ${why}; trying again in ${(ms / 1000).toFixed(1)} s`,
    );
    await pause(ms, request.signal);
  }

  /**
   * What is still to be done after a call has ended: disposing waits for it, but not for long. It gets a signal that
   * limits it.
   */
  cleanUp(work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    const done = this.#limited(work);
    this.#cleanups.add(done);
    void done.finally(() => this.#cleanups.delete(done));
    return done;
  }

  async #limited(work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    try {
      await work(AbortSignal.timeout(CLEANUP_MAX_MS));
    } catch (error) {
      const { code, message } = describeFailure(error);
      this.#options.onDiagnostic?.(
        `warning: cannot clean up in "${this.location.uri}": ${code || message}`,
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isDisposed) return;
    if (this.#cleanups.size > 0) {
      await Promise.race([Promise.all(this.#cleanups), pause(CLOSE_MAX_MS)]);
    }
    this.#isDisposed = true;
    this.#handler.destroy();
  }

  /** Whether the bucket turned out to be elsewhere, and the next attempt goes there. */
  #follows(failure: S3Failure): boolean {
    const { region } = failure;
    // Where a region was named it is that which is to be corrected, not overruled.
    if (this.location.region !== undefined || region === undefined || !isWrongRegion(failure)) {
      return false;
    }
    if (region !== this.#region) {
      this.#region = region;
      this.#opened = this.#opened?.then(({ sdk, credentials }) => this.#connect(sdk, credentials));
    }
    return true;
  }

  #open(): Promise<Opened> {
    this.#opened ??= this.#start();
    return this.#opened;
  }

  async #start(): Promise<Opened> {
    try {
      return await this.#load();
    } catch (error) {
      // A service that gives credentials may be back when the next request is made.
      this.#opened = undefined;
      throw error;
    }
  }

  async #load(): Promise<Opened> {
    const sdk = await import('@aws-sdk/client-s3');
    const { location } = this;
    const { variables } = this.#options;
    const credentials = await chooseCredentials(sdk, location, variables, this.#handler);
    return this.#connect(sdk, credentials);
  }

  #connect(sdk: Sdk, credentials: S3Credentials): Opened {
    const { endpoint, isPathStyle, isEncrypted } = this.location;
    this.#isAnonymous = credentials === 'none';
    const client = new sdk.S3Client({
      region: this.#region,
      forcePathStyle: isPathStyle,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(credentials === 'none'
        ? { credentials: { accessKeyId: '', secretAccessKey: '' }, signer: UNSIGNED }
        : { credentials }),
      maxAttempts: 1,
      requestHandler: this.#handler,
      // Trailers with checksums are more than some servers understand; what we send has its MD5 besides.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      customUserAgent: [['ferry', version]],
      logger: SILENT,
    });
    if (!isEncrypted) client.middlewareStack.add(unencrypted, { step: 'finalizeRequest' });
    return { sdk, client, credentials };
  }
}

interface Opened {
  readonly sdk: Sdk;
  readonly client: S3Client;
  readonly credentials: S3Credentials;
}

/** The SDK has a switch for that, which it no longer heeds. */
function unencrypted<Args extends { request: unknown }, Result>(
  next: (args: Args) => Promise<Result>,
): (args: Args) => Promise<Result> {
  return (args) => {
    (args.request as { protocol: string }).protocol = 'http:';
    return next(args);
  };
}

const UNSIGNED = { sign: <T>(request: T): Promise<T> => Promise.resolve(request) };
