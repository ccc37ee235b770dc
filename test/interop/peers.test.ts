/** The peers themselves: that each real program which other tests rely on does what they rely on. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { buffer } from 'node:stream/consumers';
import { remoteProgram } from '../support/far-program.ts';
import { makeNixHome } from '../support/nix-home.ts';
import { nixVersions, peerTest } from '../support/peers.ts';
import { type Direction, startRelay } from '../support/relay.ts';
import { runOk } from '../support/run.ts';
import { makeSmallClosure } from '../support/small-closure.ts';
import { startSshd } from '../support/sshd.ts';
import { makeTempDirectory } from '../support/temp.ts';

for (const version of nixVersions) {
  peerTest(`Nix ${version} says its version`, { nix: [version] }, async (nix) => {
    const said = await runOk(nix(version).program('nix-store'), ['--version']);
    assert.ok(said.startsWith(`nix-store (Nix) ${version}.`), said);
  });

  peerTest(
    `Nix ${version} makes the small closure and verifies it`,
    { nix: [version] },
    async (nix) => {
      await using home = makeNixHome(nix(version));
      const closure = await makeSmallClosure(home);
      await home.verify();
      const query = (...args: readonly string[]): Promise<string> =>
        home.runOk('nix-store', ['--query', ...args]);
      const found = (await query('--requisites', ...closure.paths)).split('\n');
      assert.deepEqual(found.toSorted(), closure.paths.toSorted());
      const references = (await query('--references', closure.application)).split('\n');
      assert.deepEqual(references.toSorted(), [closure.application, closure.library].toSorted());
      assert.equal(await query('--deriver', closure.development), closure.applicationDrv);
      assert.equal(await query('--outputs', closure.libraryDrv), closure.library);
      const verify = [
        'store',
        'verify',
        '--trusted-public-keys',
        closure.publicKey,
        '--sigs-needed',
        '1',
      ];
      await home.runOk('nix', [...verify, closure.application]);
      assert.notEqual((await home.run('nix', [...verify, closure.library])).status, 0);
    },
  );

  peerTest(
    `Nix 2.34 copies to Nix ${version} over ssh, found by the PATH of the session`,
    { nix: ['2.34', version], programs: ['sshd'] },
    async (nix) => {
      await using temp = makeTempDirectory();
      await using sshd = await startSshd({ dir: temp.path });
      await using near = makeNixHome(nix('2.34'), { env: { NIX_SSHOPTS: sshd.sshOptions } });
      await using far = makeNixHome(nix(version));
      sshd.provide('nix-store', { program: nix(version).program('nix-store'), env: far.env });
      const closure = await makeSmallClosure(near);
      await near.runOk('nix-copy-closure', ['--to', sshd.host, closure.application]);
      await far.verify();
      await far.runOk('nix-store', ['--check-validity', closure.application, closure.source]);
    },
  );

  peerTest(
    `Nix ${version} copies from a store that remote-program names`,
    { nix: [version], programs: ['sshd'] },
    async (nix) => {
      await using temp = makeTempDirectory();
      await using sshd = await startSshd({ dir: temp.path });
      await using near = makeNixHome(nix(version), { env: { NIX_SSHOPTS: sshd.sshOptions } });
      await using far = makeNixHome(nix(version));
      const closure = await makeSmallClosure(far);
      const program = nix(version).program('nix-store');
      const script = remoteProgram(temp.path, { program, env: far.env });
      const store = `ssh://${sshd.host}?remote-program=${script}`;
      await near.runOk('nix', ['copy', '--no-check-sigs', '--from', store, closure.link]);
      await near.verify();
      await near.runOk('nix-store', ['--check-validity', closure.link, closure.text]);
    },
  );
}

peerTest('sshd lets in and passes variables on', { programs: ['sshd', 'ssh'] }, async () => {
  await using temp = makeTempDirectory();
  await using sshd = await startSshd({ dir: temp.path, env: { FERRY_SESSION: 'one two' } });
  const options = ['-F', sshd.sshConfig, '-o', 'SetEnv=NIX_GIVEN=three'];
  const command = 'printf "%s|" "$FERRY_SESSION" "$NIX_GIVEN" "$HOME"';
  const said = await runOk('ssh', [...options, sshd.host, command]);
  assert.equal(said, `one two|three|${temp.join('home')}|`);
});

peerTest('ssh works through the relay', { programs: ['sshd', 'ssh'] }, async () => {
  await using temp = makeTempDirectory();
  await using sshd = await startSshd({ dir: temp.path });
  const link = { delayMs: 5 };
  await using relay = await startRelay({ port: sshd.port, up: link, down: link });
  const options = sshd.sshOptionsVia(relay.port).split(' ');
  assert.equal(await runOk('ssh', [...options, sshd.host, 'echo through']), 'through\n');
  assert.equal(relay.connections(), 1);
});

test('the relay keeps bytes and their order, whatever the delay', async () => {
  await using echo = await startEcho();
  const link = { delayMs: 10, bytesPerSecond: 20_000_000 };
  await using relay = await startRelay({ port: echo.port, up: link, down: link });
  const sent = Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => index % 251));
  const client = connect({ port: relay.port, allowHalfOpen: true });
  const start = performance.now();
  client.end(sent);
  const received = await buffer(client);
  // No upper limit: the machine may be busy. Sooner than this the delay would be missing.
  assert.ok(performance.now() - start >= 40, 'a handshake and an answer take two round trips');
  assert.ok(received.equals(sent));
});

for (const direction of ['up', 'down'] satisfies Direction[]) {
  test(`the relay cuts after the bytes it was told, ${direction}`, async () => {
    await using echo = await startEcho();
    const fault = { kind: 'cut', direction, afterBytes: 100_000 } as const;
    await using relay = await startRelay({ port: echo.port, fault });
    const client = connect({ port: relay.port, allowHalfOpen: true });
    client.end(Buffer.alloc(500_000));
    await assert.rejects(buffer(client));
    assert.equal(relay.delivered(direction), 100_000);
  });
}

test('the relay stalls: what was let through arrives and nothing ends', async () => {
  await using echo = await startEcho();
  const fault = { kind: 'stall', direction: 'down', afterBytes: 1000 } as const;
  await using relay = await startRelay({ port: echo.port, fault });
  const client = connect({ port: relay.port, allowHalfOpen: true });
  client.end(Buffer.alloc(5000));
  let received = 0;
  for await (const chunk of client) {
    received += chunk.length;
    if (received >= 1000) break;
  }
  assert.equal(received, 1000);
  assert.equal(relay.delivered('down'), 1000);
});

async function startEcho(): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    // Faults reset it: that is what these tests are for.
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return {
    port: address.port,
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}
