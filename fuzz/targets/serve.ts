/** The serve protocol: its messages, and whole sessions against a server of ours. */
import assert from 'node:assert/strict';
import { isFerryError } from '../../src/error.ts';
import { hashBytes } from '../../src/format/hash.ts';
import { answerServeProtocol } from '../../src/serve/serve-protocol.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { type Codec, protocolVersion } from '../../src/wire/codec.ts';
import { findGreeting } from '../../src/wire/greeting.ts';
import {
  addToStoreNar,
  buildDerivation,
  clientMagic,
  dumpStorePath,
  queryPathInfos,
  queryValidPaths,
  serverMagic,
} from '../../src/wire/serve/protocol.ts';
import { sampleClosure } from '../../test/conformance/nars.ts';
import { bytesOf, str, u64 } from '../../test/vectors/nar/build.ts';
import { cutRandomly } from '../random.ts';
import type { FuzzTarget } from '../target.ts';
import { contextAt, writeValue } from '../../test/support/codecs.ts';
import { codecTarget, streamOf } from './codec-target.ts';

const { a, b } = sampleClosure();
const hash = hashBytes('sha256', 'hello');
const info = {
  ...b.info,
  deriver: a.info.path,
  signatures: ['key-1:abc'],
  ca: { method: 'nar', hash },
} as const;
const dictionary = [
  u64(1),
  u64(9),
  u64(2 ** 40),
  str(''),
  str('/nix/store/..'),
  str('sha256:abc'),
  str(`/nix/store/${a.info.path}`),
];

function encode<T>(codec: Codec<T>, value: T, minor: number): Uint8Array {
  return writeValue(codec, value, contextAt(minor));
}

function target<T>(name: string, codec: Codec<T>, minor: number, value: T): FuzzTarget {
  return codecTarget({ name, codec, context: contextAt(minor), value, dictionary });
}

/** A session ends, in order or with an error of ours, and nothing but whole paths is valid afterwards. */
const sessionTarget: FuzzTarget = {
  name: 'serve-session',
  seeds: [
    bytesOf(
      u64(clientMagic),
      u64(protocolVersion(2, 7)),
      u64(addToStoreNar.number),
      encode(addToStoreNar.request, a.info, 7),
      a.nar,
      u64(queryPathInfos.number),
      encode(queryPathInfos.request, [a.info.path], 7),
      u64(dumpStorePath.number),
      encode(dumpStorePath.request, a.info.path, 7),
      u64(queryValidPaths.number),
      encode(queryValidPaths.request, { lock: true, substitute: true, paths: [b.info.path] }, 7),
    ),
  ],
  dictionary,
  check: async (input, random) => {
    await using store = new MemoryStore();
    try {
      await answerServeProtocol({
        store,
        input: streamOf(cutRandomly(input, random)),
        output: () => {},
        write: true,
      });
    } catch (error) {
      if (!isFerryError(error) || error.code === 'internal') throw error;
    }
    for await (const nar of store.readNars(
      await store.queryValidPaths([a.info.path, b.info.path]),
    )) {
      for await (const _ of nar);
    }
  },
};

const greetingTarget: FuzzTarget = {
  name: 'serve-greeting',
  seeds: [bytesOf(u64(serverMagic), u64(protocolVersion(2, 7)))],
  dictionary: [Buffer.from('started\n'), u64(serverMagic), Buffer.from('\u001b[31m')],
  check: async (input, random) => {
    const { isFound, noise, rest } = await findGreeting(
      streamOf(cutRandomly(input, random)),
      serverMagic,
    );
    assert.ok(!/[\u0000-\u0008\u000b-\u001f\u007f]/.test(noise));
    let size = 0;
    for await (const chunk of rest) size += chunk.length;
    assert.equal(isFound, Buffer.from(input).includes(u64(serverMagic)) && size > 0);
  },
};

export const serveTargets: readonly FuzzTarget[] = [
  target('serve-path-infos', queryPathInfos.response, 7, [
    { ...info, downloadSize: 1, narSize: 1, narHash: hash },
  ]),
  target('serve-add-to-store', addToStoreNar.request, 7, info),
  target('serve-build-result', buildDerivation.response, 7, {
    status: 'Built',
    errorMessage: '',
    timesBuilt: 1,
    isNonDeterministic: false,
    startTime: 1,
    stopTime: 2,
    builtOutputs: [{ name: 'out', path: a.info.path, signatures: ['x:y'] }],
  }),
  sessionTarget,
  greetingTarget,
];
