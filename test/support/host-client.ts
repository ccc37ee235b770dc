/** A process that runs a script on a host, for tests that kill it in the middle. `URI AS_ROOT`; `begun` when it runs. */
import { readEnvironment } from '../../src/config/environment.ts';
import { openHost } from '../../src/host/open-host.ts';

const [uri = '', asRoot] = process.argv.slice(2);
const { TEST_ANSWER: answer, ...variables } = process.env;
const host = await openHost(
  { name: 'host', uri, becomeRoot: 'auto' },
  { env: readEnvironment(variables), askSecret: async () => answer },
);
await host.run('echo begun; sleep 300', {
  asRoot: asRoot === 'true',
  timeoutMs: 300_000,
  onLine: (line) => process.stdout.write(`${line}\n`),
});
