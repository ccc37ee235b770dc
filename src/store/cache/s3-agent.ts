/**
 * Connections for requests to S3, kept and used again: made as those to caches over HTTP are, by way of the same
 * proxies, with the same trust in certificates and the same limit of time.
 */
import { Agent, type ClientRequestArgs } from 'node:http';
import type { Duplex } from 'node:stream';
import { ConnectError, DeadHostError } from '../../system/http/connect-error.ts';
import { connectTo } from '../../system/http/connector.ts';
import type { DeadHosts } from '../../system/http/dead-hosts.ts';
import { proxyOf, type ProxyRules } from '../../system/http/proxy-rules.ts';
import { loadSecureContext } from '../../system/http/trust-anchors.ts';

export interface S3AgentOptions {
  readonly scheme: 'http' | 'https';
  /** Until a connection stands, TLS and proxies included. */
  readonly connectTimeoutMs: number;
  readonly proxies: ProxyRules;
  /** Certificates of authorities, PEM, instead of the system's. */
  readonly caFile?: string | undefined;
  readonly deadHosts: DeadHosts;
}

type Answer = (error: Error | null, socket: Duplex) => void;

export class S3Agent extends Agent {
  readonly #options: S3AgentOptions;
  readonly #closing = new AbortController();
  #secureContext: ReturnType<typeof loadSecureContext> | undefined;

  constructor(options: S3AgentOptions) {
    super({ keepAlive: true });
    this.#options = options;
  }

  override createConnection(to: ClientRequestArgs, answer?: Answer): undefined {
    this.#connect(to).then(
      (socket) => answer?.(null, socket),
      // Node's type wants a socket even where there is none.
      (error: Error) => answer?.(error, undefined as never),
    );
  }

  override destroy(): void {
    this.#closing.abort(new Error('closed'));
    super.destroy();
  }

  async #connect({ host, port }: ClientRequestArgs): Promise<Duplex> {
    const { scheme, connectTimeoutMs: timeoutMs, proxies, caFile, deadHosts } = this.#options;
    const name = host?.includes(':') === true ? `[${host}]` : host;
    const url = new URL(`${scheme}://${name}:${port}/`);
    const death = deadHosts.deathOf(url.host);
    if (death !== undefined) throw new DeadHostError(death);
    const secureContext = (): ReturnType<typeof loadSecureContext> =>
      (this.#secureContext ??= loadSecureContext({ caFile }, false));
    const proxy = proxyOf(url, proxies);
    try {
      const options = { timeoutMs, http2: false, proxy, secureContext };
      return await connectTo(url, options, this.#closing.signal);
    } catch (error) {
      // Time that was waited for nothing is not waited again by each of the other requests.
      if (error instanceof ConnectError && error.isTimeout) {
        deadHosts.add(url.host, { reason: error.message, hint: error.hint });
      }
      throw error;
    }
  }
}
