/** What `ferry fleet list` prints: a table, blocks, or JSON. */
import { uriWithoutSecrets } from '../../config/uri-without-secrets.ts';
import {
  defaultActivationTimeoutMs,
  defaultConfirmTimeoutMs,
  type Activation,
  type HealthCheck,
  type Host,
} from '../../deploy/fleet.ts';
import { printable } from '../errors.ts';
import type { Paint } from '../looking.ts';
import { displayWidth } from './display-width.ts';
import { formatDuration } from './units.ts';

interface Column {
  readonly title: string;
  readonly of: (host: Host) => string;
  /** It is left out where all hosts have this. */
  readonly usual?: string;
}

const COLUMNS: readonly Column[] = [
  { title: 'host', of: ({ name }) => name },
  { title: 'reached at', of: ({ uri }) => uriWithoutSecrets(uri) },
  { title: 'tags', of: ({ tags }) => tags.join(','), usual: '' },
  { title: 'closure', of: ({ closure }) => closure ?? '', usual: '' },
  { title: 'system', of: ({ system }) => system ?? '', usual: '' },
  { title: 'profile', of: ({ profile }) => profile },
  { title: 'activation', of: ({ activation }) => activationText(activation) },
  { title: 'from', of: ({ origin }) => origin },
];

/** What stands where there is nothing, so that columns can be counted. */
const NOTHING = '-';
const GAP = '  ';

/** Lines of one width but for the last column, and how wide the widest is. */
export function fleetTable(
  hosts: readonly Host[],
  paint: Paint,
): { readonly width: number; readonly lines: readonly string[] } {
  if (hosts.length === 0) return { width: 0, lines: [] };
  const columns = COLUMNS.filter(
    ({ of, usual }) => usual === undefined || hosts.some((host) => of(host) !== usual),
  );
  const rows = [
    columns.map(({ title }) => title),
    ...hosts.map((host) => columns.map(({ of }) => cell(of(host)))),
  ];
  const widths = columns.map((_, i) =>
    rows.reduce((most, row) => Math.max(most, displayWidth(row[i] ?? '')), 0),
  );
  const lines = rows.map((row, at) => {
    const cells = row.map((text, i) => text + ' '.repeat((widths[i] ?? 0) - displayWidth(text)));
    const line = cells.join(GAP).trimEnd();
    return `${at === 0 ? paint('dim', line) : line}\n`;
  });
  const width = widths.reduce((sum, one) => sum + one, 0) + GAP.length * (widths.length - 1);
  return { width, lines };
}

function cell(text: string): string {
  return text === '' ? NOTHING : oneLine(text);
}

function oneLine(text: string): string {
  return printable(text.replaceAll(/[\n\t]+/g, ' '));
}

const NAME_WIDTH = 12;

/** All that is known of each that isn't as usual. */
export function* fleetBlocks(hosts: readonly Host[], paint: Paint): Generator<string> {
  for (const [i, host] of hosts.entries()) {
    yield `${i > 0 ? '\n' : ''}${paint('bold', oneLine(host.name))}\n`;
    for (const [name, value] of rowsOf(host)) {
      yield `  ${paint('dim', name.padEnd(NAME_WIDTH))}${oneLine(value)}\n`;
    }
  }
}

function rowsOf(host: Host): [string, string][] {
  const { tags, closure, system, activation, pins, healthChecks, becomeRoot } = host;
  const { activationTimeoutMs, confirmTimeoutMs } = host;
  return [
    ['reached at', host.uri],
    ...row('tags', tags.join(', ')),
    ...row('closure', closure ?? ''),
    ...row('system', system ?? ''),
    ['profile', host.profile],
    ['activation', activationText(activation)],
    ...row('root by', becomeRoot === 'auto' ? '' : becomeRoot),
    ...pins.flatMap(({ link, source }) => row('pin', source ? `${link} -> ${source}` : link)),
    ...healthChecks.flatMap((check) => row('health', healthText(check))),
    ...row('may take', unusual(activationTimeoutMs, defaultActivationTimeoutMs)),
    ...row('confirm in', unusual(confirmTimeoutMs, defaultConfirmTimeoutMs)),
    ['from', host.origin],
  ];
}

function row(name: string, value: string): [string, string][] {
  return value === '' ? [] : [[name, value]];
}

function unusual(ms: number, usual: number): string {
  return ms === usual ? '' : formatDuration(ms);
}

/** For people: what makes a generation live. */
export function activationText(activation: Activation): string {
  switch (activation.kind) {
    case 'auto':
      return 'auto';
    case 'nixos':
      return activation.action;
    case 'program':
      return activation.path;
    case 'command':
      return `sh: ${activation.command}`;
    case 'none':
      return 'none';
  }
}

function healthText(check: HealthCheck): string {
  const within = ` within ${formatDuration(check.timeoutMs)}`;
  switch (check.kind) {
    case 'command':
      return `sh: ${check.command},${within}`;
    case 'tcp':
      return `port ${check.port}${within}`;
    case 'http':
      return `${check.url}${within}`;
  }
}

/** As docs/json.md has it. */
export function fleetJson(hosts: readonly Host[]): string {
  return `${JSON.stringify({ version: 1, hosts: hosts.map(hostJson) })}\n`;
}

function hostJson(host: Host): object {
  const { name, uri, becomeRoot, tags, closure, system, profile, activation, pins } = host;
  return {
    name,
    uri,
    becomeRoot,
    tags,
    closure: closure ?? null,
    system: system ?? null,
    profile,
    activation,
    pins: pins.map(({ link, source }) => ({ link, source: source ?? null })),
    healthChecks: host.healthChecks,
    activationTimeoutMs: host.activationTimeoutMs,
    confirmTimeoutMs: host.confirmTimeoutMs,
    origin: host.origin,
  };
}
