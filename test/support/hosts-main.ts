/**
 * Machines to try things on by hand, for `scripts/hosts.sh`:
 *
 *     node test/support/hosts-main.ts N [RATE [RUNS…]]     tells how to reach them, and keeps them until it is ended
 */
import { parseArgs } from 'node:util';
import { type HostSystem, hostPassword, hostsLack, startHosts } from './hosts.ts';
import { nixVersions } from './peers.ts';

const systems: readonly HostSystem[] = [
  'ferry',
  ...nixVersions.map((each) => `nix-${each}` as const),
];

const { positionals } = parseArgs({ allowPositionals: true });
const [count = '2', rate = '', ...wanted] = positionals;
const lacks = hostsLack();
if (lacks.length > 0) {
  process.stderr.write(`cannot make machines: missing: ${lacks.join(', ')}\n`);
  process.exit(1);
}
const runs = wanted.map((word) => {
  const system = systems.find((each) => each === word);
  if (system === undefined) throw new Error(`"${word}" is none of ${systems.join(', ')}`);
  return system;
});

const stopped = Promise.withResolvers<void>();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stopped.resolve);

await using fleet = await startHosts({
  hosts: Array.from({ length: Number(count) }, (_, at) => ({
    name: `h${at + 1}`,
    runs: runs[at % runs.length] ?? 'nix-2.34',
    rate: rate === '' ? undefined : rate,
    requireSigs: false,
  })),
});
const lines = [
  ...fleet.hosts.map(({ name, address, root }) => `${name}  ${address}  ${root}`),
  `export NIX_SSHOPTS='${fleet.sshOptions}'`,
  `ssh ${fleet.sshOptions} root@h1     (alice, bob, carol, dave, erin, frank; password: ${hostPassword})`,
  'ready',
];
process.stdout.write(`${lines.join('\n')}\n`);
// A promise alone doesn't keep a process.
const alive = setInterval(() => {}, 60_000);
await stopped.promise;
clearInterval(alive);
