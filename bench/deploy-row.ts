/**
 * A row that deploys a closure to machines of its own (`test/support/hosts.ts`), each behind a link of the same rate.
 * Beside ferry stands what people write in a shell: `nix copy`, `nix-env --set` and the activation over ssh, for all
 * hosts at the same time.
 */
import { activeVersion, makeDeployables } from '../test/support/deployable.ts';
import { hostsLack, startHosts, type TestHost } from '../test/support/hosts.ts';
import { openNixHome } from '../test/support/nix-home.ts';
import { makeTempDirectory } from '../test/support/temp.ts';
import { corpusNix } from './corpus.ts';
import type { Contender } from './measure.ts';
import type { Bar } from './row.ts';
import { ferryProgram, type ToolName } from './stage.ts';

export interface DeployRow {
  /** For the command line. */
  readonly name: string;
  /** For the table. */
  readonly what: string;
  readonly hostCount: number;
  /** Of each host's link, as `tc` reads it. */
  readonly rate: string;
  readonly closureBytes: number;
  readonly roundsMax?: number;
  readonly bar: Bar;
  /** Another row, of which this one is to take no more than so many times as long, by the same program. */
  readonly beside?: { readonly row: string; readonly ratioMax: number };
}

export interface DeployStage extends AsyncDisposable {
  contender(tool: ToolName): Contender;
}

const profile = '/nix/var/nix/profiles/system';
const VERSION = 'v1';
/** The rest of the closure is of many versions alike. */
const OWN_BYTES = 1_000_000;

/** Use as `await using stage = await setDeployStage(row)`. @throws where machines can't be made here */
export async function setDeployStage(row: DeployRow): Promise<DeployStage> {
  const lacks = hostsLack();
  if (lacks.length > 0) throw new Error(`cannot make machines: missing: ${lacks.join(', ')}`);
  await using resources = new AsyncDisposableStack();
  const temp = resources.use(makeTempDirectory({ prefix: 'ferry-bench-', ram: true }));
  const fleet = resources.use(
    await startHosts({
      hosts: Array.from({ length: row.hostCount }, (_, at) => ({
        name: `h${at + 1}`,
        runs: 'nix-2.34' as const,
        rate: row.rate,
        requireSigs: false,
      })),
    }),
  );
  const env = { NIX_SSHOPTS: fleet.sshOptions };
  const home = openNixHome(corpusNix(), temp.join('source'), { env });
  const wanted = { version: VERSION, ownBytes: OWN_BYTES };
  const sharedBytes = row.closureBytes - OWN_BYTES;
  const [system] = await makeDeployables(home, [wanted], { sharedBytes });
  if (system === undefined) throw new Error('nothing to deploy');
  const uris = fleet.hosts.flatMap((host) => ['--to', host.uri()]);
  const names = fleet.hosts.map(({ name }) => name);
  const contenderOf = (program: string, args: readonly string[]): Contender => ({
    program,
    args,
    env: home.env,
    cwd: home.path,
    prepare: async () => void (await Promise.all(fleet.hosts.map(makeNew))),
    check: async () => {
      for (const host of fleet.hosts) {
        const version = await activeVersion(host);
        if (version !== VERSION) throw new Error(`${host.name} runs "${version}"`);
      }
    },
  });
  const script = byHand(fleet.sshOptions);
  const contenders: Readonly<Record<ToolName, Contender>> = {
    ferry: contenderOf(ferryProgram, ['deploy', system.path, ...uris]),
    nix: contenderOf('bash', ['-c', script, 'bash', system.path, ...names]),
  };
  const owned = resources.move();
  return {
    contender: (tool) => contenders[tool],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function byHand(sshOptions: string): string {
  return `
path=$1
shift
for host in "$@"; do
  {
    nix copy --no-check-sigs --to "ssh://root@$host" "$path" &&
      ssh ${sshOptions} "root@$host" "nix-env -p ${profile} --set $path && $path/bin/switch-to-configuration switch"
  } &
done
for host in "$@"; do wait -n || exit; done`;
}

/** Takes away what was deployed. */
async function makeNew(host: TestHost): Promise<void> {
  const forget = `rm -rf ${profile}* /run/current-* /var/lib/ferry`;
  await host.execOk(['sh', '-c', `${forget}; nix-store --gc >/dev/null 2>&1`]);
}
