/** `ferry bundle verify`: whether a bundle is whole, and who has signed what it carries. */
import { resolve } from 'node:path';
import { loadTrustedKeys } from '../../config/trusted-keys.ts';
import { verifyPaths } from '../../copy/verify.ts';
import { FerryError } from '../../error.ts';
import { openBundleStore } from '../../store/bundle/bundle-store.ts';
import { defineCommand, type Command } from '../command.ts';
import { say } from '../context.ts';
import { openSession } from '../session.ts';
import { formatCount } from '../ui/units.ts';
import { VerifyReport } from '../ui/verify-report.ts';

export const bundleVerify: Command = defineCommand({
  description: [
    'Reads all of a bundle: every checksum in it must hold, and every NAR have the hash that its path was added with. Each path must be trusted too, as ferry verify has it: named by its contents, or signed by one of the keys in trusted-public-keys.',
    'Paths of which that does not hold are printed on stderr. The exit status is then 1 where something is damaged, and 3 where only signatures are missing, which --no-trust does not look for.',
    'With --json there is one JSON object per line on stdout for each path, the last one of type "done".',
  ],
  arguments: [
    {
      name: 'FILE',
      help: 'the bundle, or its parts in any order',
      repeated: true,
      completes: 'file',
    },
  ],
  options: {
    noTrust: { help: 'do not look for signatures' },
    json: { help: 'tell programs, in JSON' },
  },
  examples: [
    {
      meaning: 'before the stick leaves the house',
      command: 'ferry bundle verify /media/stick/system.bundle',
    },
  ],
  async run(context, files, options) {
    const { cwd, signal } = context;
    await using session = openSession(context);
    const names = files.map((file) => resolve(cwd, file));
    const store = session.use(await openBundleStore(names, signal));
    const { keys, warnings } = loadTrustedKeys(session.settings);
    for (const warning of warnings) await say(context, `warning: ${warning}`);
    const { presupposed, infos } = store.manifest;
    if (presupposed.length > 0) {
      await say(context, `it presupposes ${formatCount(presupposed.length, 'path')}`);
    }
    const paths = infos.map(({ path }) => path);
    const report = new VerifyReport(context, store, { isJson: options.json, total: paths.length });
    using _ = { [Symbol.dispose]: () => report.close() };
    const summary = await verifyPaths(store, paths, {
      signal,
      trust: !options.noTrust,
      trustedKeys: keys,
      onBytes: (_path, bytes) => report.bytes(bytes),
      onResult: (result) => report.result(result),
    });
    const status = await report.finish(summary);
    const damaged = await store.volumes.damagedParts(signal, () => {});
    const [first] = damaged;
    if (first === undefined) return status;
    const all = damaged.map((name) => `"${name}"`).join(', ');
    const problem = `${damaged.length === 1 ? 'a part is' : 'parts are'} not what they were: ${all}`;
    throw new FerryError('corrupt', problem, {
      path: first,
      hint: 'copy it anew from where it was made',
    });
  },
});
