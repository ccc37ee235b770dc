/** The worker protocol: its messages, and whole answers of far ends that mean no good. */
import assert from 'node:assert/strict';
import { ByteReader } from '../../src/bytes/byte-reader.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { isFerryError } from '../../src/error.ts';
import { hashBytes } from '../../src/format/hash.ts';
import { defaultStoreDir } from '../../src/format/store-path.ts';
import { openWorkerConnection } from '../../src/store/worker/open-worker-connection.ts';
import { WorkerStore } from '../../src/store/worker/worker-store.ts';
import type { Codec, WireContext } from '../../src/wire/codec.ts';
import type { Transport } from '../../src/wire/transport.ts';
import { addToStoreNar } from '../../src/wire/worker/additions.ts';
import { buildPaths, buildPathsWithResults, queryMissing } from '../../src/wire/worker/builds.ts';
import { frames, framesEnd, readFrames } from '../../src/wire/worker/framed.ts';
import { serverGreeting, serverMagic } from '../../src/wire/worker/handshake.ts';
import { workerMessage, type WorkerMessage } from '../../src/wire/worker/messages.ts';
import { registerHashedDrvOutput } from '../../src/wire/worker/builds.ts';
import { queryPathInfo } from '../../src/wire/worker/queries.ts';
import { collectGarbage, setOptions } from '../../src/wire/worker/upkeep.ts';
import { realisationWithPath, v, workerFeatures } from '../../src/wire/worker/version.ts';
import { readAll, sampleClosure, toAdd } from '../../test/conformance/nars.ts';
import { contextAt } from '../../test/support/codecs.ts';
import { bytesOf, str, u64 } from '../../test/vectors/nar/build.ts';
import { cutRandomly } from '../random.ts';
import { asyncOutcomeOf, type FuzzTarget } from '../target.ts';
import { codecTarget, streamOf } from './codec-target.ts';

const { a, b } = sampleClosure();
const drv = b.info.path;
const hash = hashBytes('sha256', 'hello');
const storeDir = defaultStoreDir;

function encode(message: WorkerMessage): Uint8Array {
  const writer = new ByteWriter();
  workerMessage.write(writer, message, contextAt(38, 1));
  return writer.take();
}

const done = encode({ kind: 'done' });
const refusal = encode({ kind: 'error', level: 0, text: 'no', traces: ['while'] });
const dictionary = [
  u64(0),
  u64(1),
  u64(2 ** 40),
  str(''),
  str(`/nix/store/${a.info.path}`),
  done,
  refusal,
  encode({ kind: 'log', text: 'x\n' }),
  encode({ kind: 'read', size: 9 }),
];

function target<T>(
  name: string,
  codec: Codec<T>,
  value: T,
  features: readonly string[] = [],
  minor = 38,
): FuzzTarget {
  const context: WireContext = { ...contextAt(minor, 1), features: new Set(features) };
  return codecTarget({ name: `worker-${name}`, codec, context, value, dictionary });
}

const framedTarget: FuzzTarget = {
  name: 'worker-framed',
  seeds: [bytesOf(...frames(a.nar), ...frames(Buffer.from('x')), framesEnd)],
  dictionary: [u64(0), u64(7), u64(2 ** 32)],
  check: async (input, random) => {
    const read = (pieces: readonly Uint8Array[]): Promise<unknown> =>
      asyncOutcomeOf(async () => {
        const chunks: Uint8Array[] = [];
        for await (const chunk of readFrames(new ByteReader(streamOf(pieces)))) {
          chunks.push(chunk.slice());
        }
        return Buffer.concat(chunks).toString('hex');
      });
    const whole = await read([input]);
    assert.deepEqual(await read(cutRandomly(input, random)), whole);
  },
};

/** What a server says in a session of a query, a NAR and an upload; a client gets through it, or ends with an error. */
function session(): Uint8Array {
  const writer = new ByteWriter();
  const context = contextAt(38, 1);
  writer.raw(bytesOf(u64(serverMagic), u64(v(38)), u64(0)));
  serverGreeting.write(writer, { release: '2.99', isTrusted: true }, context);
  writer.raw(bytesOf(done, done));
  const { path: _, ...info } = a.info;
  queryPathInfo.response.write(writer, info, context);
  writer.raw(bytesOf(done, a.nar, refusal, done));
  return writer.take();
}

const clientTarget: FuzzTarget = {
  name: 'worker-client',
  seeds: [session()],
  dictionary,
  check: async (input, random) => {
    const farEnd = { name: 'far', uri: 'ssh-ng://far', program: 'nix-daemon' };
    const transport: Transport = {
      readable: streamOf(cutRandomly(input, random)),
      write: (_, onSent) => onSent?.(),
      end: () => {},
      close: async () => {},
      abort: async () => {},
      ending: async () => ({ said: '' }),
    };
    let opened = 0;
    const open = async (): ReturnType<typeof openWorkerConnection> => {
      if (opened++ > 0) throw new Error('enough');
      return await openWorkerConnection(transport, { farEnd, storeDir });
    };
    try {
      await using store = await WorkerStore.open({ uri: farEnd.uri, storeDir, open });
      for await (const nar of store.readNars([a.info.path])) {
        assert.deepEqual((await readAll(nar)).length, a.info.narSize);
      }
      await store.addPaths(toAdd(a), { onFailed: () => {} });
    } catch (error) {
      const isOurs = isFerryError(error) && error.code !== 'internal';
      if (!isOurs && !(error instanceof Error && error.message === 'enough')) throw error;
    }
  },
};

const builtOutputs = [{ name: 'out', path: a.info.path, signatures: ['x:y'] }];
const times = { timesBuilt: 1, isNonDeterministic: false, startTime: 1, stopTime: 2 };

export const workerTargets: readonly FuzzTarget[] = [
  target('message', workerMessage, {
    kind: 'start',
    id: 2n ** 60n,
    level: 3,
    type: 108,
    text: 'x',
    fields: [1n, 'y'],
    parent: 0n,
  }),
  target('error', workerMessage, { kind: 'error', level: 0, text: 'no', traces: ['while'] }),
  target('old-error', workerMessage, { kind: 'error', level: 0, text: 'no', traces: [] }, [], 25),
  target('add-to-store', addToStoreNar.request, {
    info: { ...a.info, deriver: drv, ultimate: false, ca: { method: 'nar', hash } },
    repair: false,
    dontCheckSigs: true,
  }),
  target('build-paths', buildPaths.request, {
    targets: [
      { kind: 'opaque', path: a.info.path },
      { kind: 'built', drv, outputs: ['dev', 'out'] },
    ],
    mode: 'check',
  }),
  target('build-results', buildPathsWithResults.response, [
    {
      target: { kind: 'built', drv, outputs: 'all' },
      result: {
        status: 'Built',
        errorMessage: '',
        ...times,
        cpuUserMicroseconds: 5,
        builtOutputs,
      },
    },
  ]),
  target(
    'build-results-by-path',
    buildPathsWithResults.response,
    [
      {
        target: { kind: 'opaque', path: a.info.path },
        result: { status: 'TimedOut', errorMessage: 'x', ...times, builtOutputs },
      },
    ],
    [realisationWithPath],
  ),
  target('realisation', registerHashedDrvOutput.request, {
    id: { drvHash: hash, output: 'out' },
    path: a.info.path,
    signatures: [],
    dependentRealisations: new Map(),
  }),
  target('missing', queryMissing.response, {
    willBuild: [drv],
    willSubstitute: [a.info.path],
    unknown: [],
    downloadSize: 1,
    narSize: 2,
  }),
  target('garbage', collectGarbage.request, {
    action: 'delete-specific',
    paths: [a.info.path],
    ignoreLiveness: false,
    maxFreed: undefined,
  }),
  target(
    'garbage-of-some',
    collectGarbage.request,
    { action: 'delete-dead', ignoreLiveness: false, maxFreed: 5 },
    workerFeatures,
  ),
  target('options', setOptions.request, {
    keepFailed: false,
    keepGoing: false,
    tryFallback: false,
    verbosity: 3,
    maxBuildJobs: 1,
    maxSilentTime: 0,
    verboseBuild: false,
    buildCores: 0,
    useSubstitutes: true,
    overrides: new Map([['cores', '2']]),
  }),
  framedTarget,
  clientTarget,
];
