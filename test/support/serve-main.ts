/**
 * Stands in for `nix-store --serve --write` on the far end, over a store of ours and with nothing of the command line
 * around it.
 *
 *     node test/support/serve-main.ts STORE [VERSION_MINOR] [ignored…]
 */
import { answerServeProtocol } from '../../src/serve/serve-protocol.ts';
import { openStore } from '../../src/store/open-store.ts';
import { protocolVersion } from '../../src/wire/codec.ts';

const [uri, minor] = process.argv.slice(2);
await using store = await openStore(uri);
try {
  await answerServeProtocol({
    store,
    input: process.stdin,
    output: (bytes) =>
      new Promise((resolve, reject) => {
        process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
    write: true,
    ...(minor !== undefined && /^\d+$/.test(minor)
      ? { version: protocolVersion(2, Number(minor)) }
      : {}),
  });
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
  process.stdin.destroy();
}
