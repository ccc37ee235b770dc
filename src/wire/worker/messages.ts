/**
 * What a server says while it works: between a request and its answer come any number of messages, the last of which
 * is `done` (the answer follows) or `error` (no answer follows).
 */
import type { ByteReader } from '../../bytes/byte-reader.ts';
import type { ByteWriter } from '../../bytes/byte-writer.ts';
import { andThen, type MaybePromise } from '../../bytes/maybe-promise.ts';
import { FerryError } from '../../error.ts';
import type { Codec, WireContext } from '../codec.ts';
import { bytes, constant, ignored, list, message, struct, u64, wideU64 } from '../combinators.ts';
import { v } from './version.ts';

export type WorkerMessage =
  /** Lines for people, with their line ends; may hold escape sequences. */
  | { readonly kind: 'log'; readonly text: string }
  /** It wants 1 to `size` bytes of what is uploaded, as one string. */
  | { readonly kind: 'read'; readonly size: number }
  /** A piece of what is downloaded. */
  | { readonly kind: 'write'; readonly data: Uint8Array }
  | { readonly kind: 'done' }
  | ({ readonly kind: 'error' } & WorkerFailure)
  | ({ readonly kind: 'start' } & ActivityStart)
  | { readonly kind: 'stop'; readonly id: bigint }
  | ({ readonly kind: 'result' } & ActivityResult);

export interface WorkerFailure {
  /** 0 for an error; see `verbosity`. */
  readonly level: number;
  readonly text: string;
  /** What was being done, innermost first. */
  readonly traces: readonly string[];
  /** Of the process, as older servers tell it. */
  readonly exitStatus?: number | undefined;
}

export interface ActivityStart {
  readonly id: bigint;
  readonly level: number;
  readonly type: number;
  readonly text: string;
  readonly fields: readonly ActivityField[];
  /** 0 for none. */
  readonly parent: bigint;
}

export interface ActivityResult {
  readonly id: bigint;
  readonly type: number;
  readonly fields: readonly ActivityField[];
}

export type ActivityField = bigint | string;

/** How much is said: what has a higher number is told to those who asked for it. */
export const verbosity = {
  error: 0,
  warning: 1,
  notice: 2,
  info: 3,
  talkative: 4,
  chatty: 5,
  debug: 6,
  vomit: 7,
} as const;

/** Types of results that are lines of text: of a build, and of the hook that runs after builds. */
export const resultTypes = { buildLogLine: 101, postBuildLogLine: 107 } as const;

const tags = {
  log: 0x6f6c6d67,
  read: 0x64617461,
  write: 0x64617416,
  done: 0x616c7473,
  error: 0x63787470,
  start: 0x53545254,
  stop: 0x53544f50,
  result: 0x52534c54,
} as const satisfies Record<WorkerMessage['kind'], number>;

/** Where an error begins: where a NAR should be, it tells that there is none. */
export const errorTag: number = tags.error;

const textMax = 1024 * 1024;
const text = message(textMax);
/** Servers of Nix send pieces of 64 KiB at the most. */
const dataMax = 4 * 1024 * 1024;
const fieldsMax = 10_000;

const field: Codec<ActivityField> = {
  read: (reader, context) =>
    andThen(reader.u64(), (kind) => {
      if (kind === 0) return wideU64.read(reader, context);
      if (kind === 1) return text.read(reader, context);
      throw new FerryError('corrupt', `${kind} is not a type of field`);
    }),
  write: (writer, value, context) => {
    writer.u64(typeof value === 'string' ? 1 : 0);
    if (typeof value === 'string') text.write(writer, value, context);
    else wideU64.write(writer, value, context);
  },
};

const fields = list(field, fieldsMax);

const activityStart: Codec<ActivityStart> = struct<ActivityStart>({
  id: wideU64,
  level: u64,
  type: u64,
  text,
  fields,
  parent: wideU64,
});

const activityResult: Codec<ActivityResult> = struct<ActivityResult>({
  id: wideU64,
  type: u64,
  fields,
});

interface Trace {
  readonly position?: undefined;
  readonly hint: string;
}

interface NewFailure {
  readonly type: string;
  readonly level: number;
  /** Means nothing; always `Error`. */
  readonly name: string;
  readonly text: string;
  /** Servers have no positions to tell. */
  readonly position?: undefined;
  readonly traces: readonly Trace[];
}

const newFailure: Codec<NewFailure> = struct<NewFailure>({
  type: message(1024),
  level: u64,
  name: message(1024),
  text,
  position: constant(0),
  traces: list(struct<Trace>({ position: ignored(0), hint: text }), fieldsMax),
});

interface OldFailure {
  readonly text: string;
  readonly exitStatus: number;
}

const oldFailure: Codec<OldFailure> = struct<OldFailure>({ text, exitStatus: u64 });

/** What follows the tag of an error. */
export const workerFailure: Codec<WorkerFailure> = {
  read: (reader, context) =>
    context.version < v(26)
      ? andThen(oldFailure.read(reader, context), (old) => ({ level: 0, traces: [], ...old }))
      : andThen(newFailure.read(reader, context), ({ level, text: said, traces }) => ({
          level,
          text: said,
          traces: traces.map(({ hint }) => hint),
        })),
  write: (writer, { level, text: said, traces, exitStatus = 1 }, context) => {
    if (context.version < v(26)) {
      oldFailure.write(writer, { text: said, exitStatus }, context);
      return;
    }
    const hints = traces.map((hint) => ({ hint }));
    const failure = { type: 'Error', level, name: 'Error', text: said, traces: hints };
    newFailure.write(writer, failure, context);
  },
};

const data = bytes(dataMax);

/** One message. Clients before version 1.20 know no activities; a server doesn't send them any. */
export const workerMessage: Codec<WorkerMessage> = {
  read: (reader, context) => andThen(reader.u64(), (tag) => readPayload(reader, context, tag)),
  write: writeMessage,
};

function readPayload(
  reader: ByteReader,
  context: WireContext,
  tag: number,
): MaybePromise<WorkerMessage> {
  switch (tag) {
    case tags.done:
      return { kind: 'done' };
    case tags.log:
      return andThen(text.read(reader, context), (said) => ({ kind: 'log', text: said }));
    case tags.read:
      return andThen(reader.u64(), (size) => ({ kind: 'read', size }));
    case tags.write:
      return andThen(data.read(reader, context), (piece) => ({ kind: 'write', data: piece }));
    case tags.error:
      return readNamed('error', workerFailure, reader, context);
    case tags.start:
      return readNamed('start', activityStart, reader, context);
    case tags.stop:
      return andThen(wideU64.read(reader, context), (id) => ({ kind: 'stop', id }));
    case tags.result:
      return readNamed('result', activityResult, reader, context);
    default:
      throw new FerryError('protocol', `0x${tag.toString(16)} is not the beginning of a message`, {
        offset: reader.offset - 8,
      });
  }
}

function readNamed<K extends 'error' | 'start' | 'result', T extends object>(
  kind: K,
  codec: Codec<T>,
  reader: ByteReader,
  context: WireContext,
): MaybePromise<{ kind: K } & T> {
  return andThen(codec.read(reader, context), (value) => ({ kind, ...value }));
}

function writeMessage(writer: ByteWriter, value: WorkerMessage, context: WireContext): void {
  writer.u64(tags[value.kind]);
  switch (value.kind) {
    case 'done':
      return;
    case 'log':
      text.write(writer, value.text, context);
      return;
    case 'read':
      writer.u64(value.size);
      return;
    case 'write':
      data.write(writer, value.data, context);
      return;
    case 'error':
      workerFailure.write(writer, value, context);
      return;
    case 'start':
      activityStart.write(writer, value, context);
      return;
    case 'stop':
      wideU64.write(writer, value.id, context);
      return;
    case 'result':
      activityResult.write(writer, value, context);
  }
}
