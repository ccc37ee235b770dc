/** What the commands that change hosts take alike, and what their options make of a host. */
import {
  defaultHealthTimeoutMs,
  type Activation,
  type HealthCheck,
  type Host,
  type NixosAction,
} from '../deploy/fleet.ts';
import { durationMs } from '../deploy/inventory/duration.ts';
import { parseStrategy, type Strategy } from '../deploy/strategy.ts';
import { usage } from './parse-words.ts';

/** How a generation is made live, and how that is judged. */
export const activationOptions = {
  activate: {
    help: 'how to make it live: a command line for sh, run on the host in the directory of the closure, and in that of the old one to go back',
    value: 'COMMAND',
  },
  action: {
    help: 'of a NixOS system, instead of switch: boot takes effect at the next start, test makes no generation',
    value: 'ACTION',
    choices: ['switch', 'boot', 'test', 'dry-activate'],
  },
  healthCommand: {
    help: 'confirm only if this command succeeds on the host',
    value: 'COMMAND',
    repeated: true,
  },
  healthTcp: {
    help: 'confirm only if this port of the host accepts connections from here',
    value: 'PORT',
    repeated: true,
  },
  healthHttp: {
    help: 'confirm only if this URL answers well; {host} in it is the address of the host',
    value: 'URL',
    repeated: true,
  },
  confirmTimeout: {
    help: 'how long the host waits for the confirmation before it goes back (60s)',
    value: 'TIME',
  },
  activationTimeout: { help: 'how long making it live may take (10m)', value: 'TIME' },
} as const;

/** In which order, and how many. */
export const strategyOptions = {
  strategy: {
    help: 'whose turn it is: all (default), rolling:N at a time, canary:N first and the rest when these are live',
    value: 'STRATEGY',
  },
  maxFailures: {
    help: 'begin with no further host when more than so many have failed; by default rolling and canary stop at the first that went back',
    value: 'N',
  },
  parallel: { help: 'so many hosts are at work at a time (64)', value: 'N' },
} as const;

interface GivenActivation {
  readonly activate: string | undefined;
  readonly action: string | undefined;
  readonly healthCommand: readonly string[];
  readonly healthTcp: readonly string[];
  readonly healthHttp: readonly string[];
  readonly confirmTimeout: string | undefined;
  readonly activationTimeout: string | undefined;
}

/** The host as the command line wants it. @throws FerryError `usage` */
export function withActivation(title: string, host: Host, given: GivenActivation): Host {
  if (given.activate !== undefined && given.action !== undefined) {
    throw usage(title, '--activate and --action exclude each other');
  }
  const time = (flag: string, text: string | undefined, otherwise: number): number => {
    if (text === undefined) return otherwise;
    const ms = durationMs(text);
    if (ms === undefined) throw usage(title, `${flag} "${text}" is not a time such as 90s or 5m`);
    return ms;
  };
  return {
    ...host,
    activation: activationOf(given) ?? host.activation,
    healthChecks: [...host.healthChecks, ...healthChecksOf(title, given)],
    confirmTimeoutMs: time('--confirm-timeout', given.confirmTimeout, host.confirmTimeoutMs),
    activationTimeoutMs: time(
      '--activation-timeout',
      given.activationTimeout,
      host.activationTimeoutMs,
    ),
  };
}

function activationOf({ activate, action }: GivenActivation): Activation | undefined {
  if (activate !== undefined) return { kind: 'command', command: activate };
  // The parser has seen to the choices.
  return action === undefined ? undefined : { kind: 'nixos', action: action as NixosAction };
}

function healthChecksOf(title: string, given: GivenActivation): HealthCheck[] {
  const timeoutMs = defaultHealthTimeoutMs;
  return [
    ...given.healthCommand.map((command) => ({ kind: 'command', command, timeoutMs }) as const),
    ...given.healthTcp.map((text) => {
      const port = wholeNumber(title, '--health-tcp', text);
      if (port < 1 || port > 65_535) throw usage(title, `there is no port ${port}`);
      return { kind: 'tcp', port, timeoutMs } as const;
    }),
    ...given.healthHttp.map((url) => {
      const isUrl = /^https?:\/\//.test(url) && URL.canParse(url.replaceAll('{host}', 'host'));
      if (!isUrl) throw usage(title, `--health-http "${url}" is not a URL of http or https`);
      return { kind: 'http', url, timeoutMs } as const;
    }),
  ];
}

interface Turn {
  readonly strategy: Strategy;
  readonly maxFailures: number | undefined;
  readonly parallel: number;
}

const parallelDefault = 64;
/** Beyond it a number only means all of them; each is work for this machine. */
const parallelMax = 10_000;

/** @throws FerryError `usage` */
export function turnOf(
  title: string,
  given: { readonly [Name in keyof typeof strategyOptions]: string | undefined },
): Turn {
  const { maxFailures, parallel } = given;
  const atATime =
    parallel === undefined ? parallelDefault : wholeNumber(title, '--parallel', parallel);
  if (atATime === 0) throw usage(title, '--parallel 0 would never begin');
  return {
    strategy: parseStrategy(given.strategy ?? 'all'),
    maxFailures:
      maxFailures === undefined ? undefined : wholeNumber(title, '--max-failures', maxFailures),
    parallel: Math.min(atATime, parallelMax),
  };
}

/** @throws FerryError `usage` */
export function wholeNumber(title: string, flag: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw usage(title, `${flag} "${text}" is not a whole number`);
  return Number(text);
}
