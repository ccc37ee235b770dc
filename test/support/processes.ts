/** Processes of this machine, as /proc tells of them: for tests that end one, or wait for its end. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 10;
const WAIT_MAX_MS = 30_000;

/** Processes whose command line, words joined with spaces, contains `text`. */
export function findProcesses(text: string): number[] {
  return allPids().filter((pid) => readOf(pid, 'cmdline').replaceAll('\0', ' ').includes(text));
}

/** Processes whose environment, as they were started with it, contains `text`. */
export function findByEnvironment(text: string): number[] {
  return allPids().filter((pid) => readOf(pid, 'environ').includes(text));
}

export function childrenOf(pid: number): number[] {
  return readOf(pid, `task/${pid}/children`)
    .split(' ')
    .filter((word) => word !== '')
    .map(Number);
}

/** Whether it still runs: one that nobody has waited for yet doesn't. */
export function isRunning(pid: number): boolean {
  const stat = readOf(pid, 'stat');
  return stat !== '' && !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
}

/** Whether it does nothing until it is told to go on, or has ended. */
export function isStopped(pid: number): boolean {
  const stat = readOf(pid, 'stat');
  return stat === '' || /^[TtZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
}

/** Ends it on the spot. @returns whether it was still running. */
export function killAtOnce(pid: number): boolean {
  if (!isRunning(pid)) return false;
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

/** Waits until `isSo`. @throws when it doesn't come to pass: something hangs. */
export async function waitUntil(what: string, isSo: () => boolean): Promise<void> {
  const end = performance.now() + WAIT_MAX_MS;
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`${what}: not within ${WAIT_MAX_MS} ms`);
    await sleep(POLL_MS);
  }
}

function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Empty where the process is gone, or somebody else's. */
function readOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}
