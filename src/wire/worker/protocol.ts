/**
 * The worker protocol, spoken by `nix-daemon` on its socket and over ssh: all its operations, declared once for the
 * asking and the answering side. A request is a number and fields; what comes back are messages (`messages.ts`), then
 * the answer. Requests are worked on one after the other, in the order in which they come, so they may be written
 * ahead. (Nix source, `worker-protocol.hh`; versions 1.10 to 1.38.)
 */
import type { WireContext } from '../codec.ts';
import * as additions from './additions.ts';
import * as builds from './builds.ts';
import { isSpoken, type WorkerOperation, type WorkerOperationRow } from './operation.ts';
import * as queries from './queries.ts';
import * as upkeep from './upkeep.ts';

const OPERATIONS: readonly WorkerOperationRow[] = [queries, additions, builds, upkeep]
  .flatMap((group): unknown[] => Object.values(group))
  .filter(isOperation)
  .sort((a, b) => a.number - b.number || a.since - b.since);

function isOperation(exported: unknown): exported is WorkerOperation<unknown, unknown> {
  return typeof exported === 'object' && exported !== null && 'number' in exported;
}

/** All of them by number, some with several forms. */
export const workerOperations: readonly WorkerOperationRow[] = OPERATIONS;

/** The form that an operation has between two sides; undefined where they don't have it. */
export function findWorkerOperation(
  number: number,
  context: WireContext,
): WorkerOperationRow | undefined {
  return OPERATIONS.find((row) => row.number === number && isSpoken(row, context));
}
