/**
 * The few numbers that a worker thread shares with the main thread: a thread that is busy with synchronous calls reads
 * no messages, but it can look here.
 */

/** Shared memory of one thread, used for one job after the other. */
export type Control = Int32Array<SharedArrayBuffer>;

const STOP = 0;
const CREDITS = 1;
const CREATED = 2;

/** Milliseconds after which a thread that waits for credit looks again whether it is to stop, whatever happens. */
const WAIT_MS = 250;

export function createControl(): Control {
  return new Int32Array(new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT));
}

/** For the next job. `credits` is how many chunks it may send before any is taken. */
export function resetControl(control: Control, credits: number): void {
  Atomics.store(control, STOP, 0);
  Atomics.store(control, CREATED, 0);
  Atomics.store(control, CREDITS, credits);
}

export function requestStop(control: Control): void {
  Atomics.store(control, STOP, 1);
  Atomics.notify(control, CREDITS);
}

export function isStopRequested(control: Control): boolean {
  return Atomics.load(control, STOP) !== 0;
}

export function giveCredit(control: Control): void {
  Atomics.add(control, CREDITS, 1);
  Atomics.notify(control, CREDITS);
}

/** Blocks the thread until there is credit. Whether there is, or it is to stop instead. */
export function takeCredit(control: Control): boolean {
  while (Atomics.load(control, CREDITS) <= 0) {
    if (isStopRequested(control)) return false;
    Atomics.wait(control, CREDITS, 0, WAIT_MS);
  }
  Atomics.sub(control, CREDITS, 1);
  return !isStopRequested(control);
}

/** Notes that there is something at the target now: if the thread dies someone else must remove it. */
export function markCreated(control: Control): void {
  Atomics.store(control, CREATED, 1);
}

export function isMarkedCreated(control: Control): boolean {
  return Atomics.load(control, CREATED) !== 0;
}
