/**
 * A TCP relay that behaves like a slow or faulty link: each direction delays, has a rate that all its connections
 * share, and may cut or stall after so many bytes. It holds no more than a bounded queue for each direction.
 *
 *     node test/support/relay.ts HOST PORT DELAY_MS [MBIT_PER_SECOND]     prints its port, runs until killed
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** `up` is from the client to the target. */
export type Direction = 'up' | 'down';

export interface Link {
  /** One way: a round trip takes that of both directions. */
  readonly delayMs?: number;
  readonly bytesPerSecond?: number;
}

export interface Fault {
  /** `cut` resets both ends; `stall` keeps them open and moves nothing more in its direction. */
  readonly kind: 'cut' | 'stall';
  readonly direction: Direction;
  /** Of each connection: this many bytes still arrive. */
  readonly afterBytes: number;
}

export interface RelayOptions {
  readonly host?: string;
  readonly port: number;
  readonly up?: Link;
  readonly down?: Link;
  readonly fault?: Fault;
}

export interface Relay extends AsyncDisposable {
  readonly port: number;
  /** Bytes delivered so far, over all connections. */
  delivered(direction: Direction): number;
  connections(): number;
  /** For connections made from now on; none mends the link. */
  setFault(fault: Fault | undefined): void;
}

/** Pieces this small keep the rate smooth. */
const PIECE_BYTES = 16 * 1024;
const QUEUE_BYTES_MIN = 256 * 1024;
/** What an unlimited link is taken to carry, to size its queue. */
const UNLIMITED_BYTES_PER_SECOND = 125_000_000;

/** Use as `await using relay = await startRelay({ port: sshd.port, up: { delayMs: 25 }, down: { delayMs: 25 } })`. */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const wires = { up: new Wire(options.up ?? {}), down: new Wire(options.down ?? {}) };
  const sockets = new Set<Socket>();
  let fault = options.fault;
  let accepted = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    accepted += 1;
    const { host = '127.0.0.1', port } = options;
    const target = connect({ host, port, allowHalfOpen: true, noDelay: true });
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    }
    // The handshake of a real link takes a round trip before the first byte leaves; ours took none.
    const openAt = performance.now() + wires.up.delayMs + wires.down.delayMs;
    forward(client, target, wires.up, openAt, fault?.direction === 'up' ? fault : undefined);
    forward(target, client, wires.down, openAt, fault?.direction === 'down' ? fault : undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return {
    port: address.port,
    delivered: (direction) => wires[direction].delivered,
    connections: () => accepted,
    setFault: (next) => {
      fault = next;
    },
    [Symbol.asyncDispose]: async () => {
      if (!server.listening) return;
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** One direction of the whole link: what one connection sends, the others wait for. */
class Wire {
  readonly delayMs: number;
  readonly queueBytesMax: number;
  delivered = 0;
  readonly #bytesPerSecond: number;
  #freeAt = 0;

  constructor({ delayMs = 0, bytesPerSecond = Number.POSITIVE_INFINITY }: Link) {
    this.delayMs = delayMs;
    this.#bytesPerSecond = bytesPerSecond;
    const rate = Math.min(bytesPerSecond, UNLIMITED_BYTES_PER_SECOND);
    // Four times what is under way on a full link: the queue must never be what limits the rate.
    this.queueBytesMax = Math.max(QUEUE_BYTES_MIN, (rate * delayMs * 4) / 1000);
  }

  /** When bytes that enter now come out. */
  enter(byteCount: number): number {
    const start = Math.max(performance.now(), this.#freeAt);
    this.#freeAt = start + (byteCount * 1000) / this.#bytesPerSecond;
    return this.#freeAt + this.delayMs;
  }
}

interface Piece {
  readonly at: number;
  /** Null is the end of the stream. */
  readonly data: Uint8Array | null;
}

function forward(from: Socket, to: Socket, wire: Wire, openAt: number, fault?: Fault): void {
  const queue: Piece[] = [];
  let queuedBytes = 0;
  let timer: NodeJS.Timeout | undefined;
  let bytesLeft = fault?.afterBytes ?? Number.POSITIVE_INFINITY;

  const fail = (): void => {
    clearTimeout(timer);
    queue.length = 0;
    if (fault?.kind !== 'cut') {
      from.pause();
      return;
    }
    reset(to);
    reset(from);
  };
  const deliver = (data: Uint8Array): void => {
    queuedBytes -= data.length;
    const part = data.subarray(0, bytesLeft);
    bytesLeft -= part.length;
    wire.delivered += part.length;
    if (bytesLeft > 0) to.write(part);
    // The last bytes before a fault are to arrive: a reset would discard what still waits here.
    else to.write(part, fail);
  };
  const schedule = (): void => {
    const next = queue[0];
    if (next !== undefined) timer ??= setTimeout(pump, Math.max(0, next.at - performance.now()));
  };
  const pump = (): void => {
    timer = undefined;
    const now = performance.now();
    for (let piece = queue[0]; piece !== undefined && piece.at <= now; piece = queue[0]) {
      queue.shift();
      if (piece.data === null) to.end();
      else deliver(piece.data);
      if (bytesLeft <= 0) return;
    }
    schedule();
    const isDrained = queuedBytes < wire.queueBytesMax / 2 && !to.writableNeedDrain;
    if (isDrained && from.isPaused()) from.resume();
  };
  const push = (data: Uint8Array | null): void => {
    queue.push({ at: Math.max(wire.enter(data?.length ?? 0), openAt + wire.delayMs), data });
  };

  from.on('data', (chunk: Uint8Array) => {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES)
      push(chunk.subarray(at, at + PIECE_BYTES));
    queuedBytes += chunk.length;
    if (queuedBytes > wire.queueBytesMax || to.writableNeedDrain) from.pause();
    schedule();
  });
  from.on('end', () => {
    push(null);
    schedule();
  });
  to.on('drain', pump);
  from.on('error', () => to.destroy());
  from.on('close', () => {
    // Gone without an end: nothing that still waits may arrive as if all were well.
    if (from.readableEnded) return;
    clearTimeout(timer);
    to.destroy();
  });
  to.on('close', () => clearTimeout(timer));
}

function reset(socket: Socket): void {
  // A socket that is about to end can't be reset, and would stay open.
  if (socket.writableEnded && !socket.writableFinished) socket.destroy();
  else socket.resetAndDestroy();
}

if (import.meta.main) {
  const [host, port, delayMs, megabits] = process.argv.slice(2);
  if (host === undefined || port === undefined || delayMs === undefined) {
    console.error('usage: node test/support/relay.ts HOST PORT DELAY_MS [MBIT_PER_SECOND]');
    process.exit(2);
  }
  const rate = megabits === undefined ? {} : { bytesPerSecond: Number(megabits) * 125_000 };
  const link: Link = { delayMs: Number(delayMs), ...rate };
  const relay = await startRelay({ host, port: Number(port), up: link, down: link });
  console.log(relay.port);
}
