/** The move into a group of a treemap and out of it: the picture of the inside grows out of its frame. */

interface Frame {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

export interface Zoom {
  /** What is drawn on. */
  readonly canvas: HTMLCanvasElement;
  readonly outside: HTMLCanvasElement;
  readonly inside: HTMLCanvasElement;
  /** Where the inside lies in the picture of the outside. */
  readonly frame: Frame;
  readonly isInwards: boolean;
}

const DURATION_MS = 260;

/** Calls back when it is over. @returns Ends it at once, without that call. */
export function zoomBetween(zoom: Zoom, onEnd: () => void): () => void {
  const start = performance.now();
  let frameRequest = 0;
  const step = (now: number): void => {
    const done = Math.min(Math.max((now - start) / DURATION_MS, 0), 1);
    if (done === 1) {
      onEnd();
      return;
    }
    const eased = 1 - (1 - done) ** 3;
    draw(zoom, zoom.isInwards ? eased : 1 - eased);
    frameRequest = requestAnimationFrame(step);
  };
  step(start);
  return () => {
    cancelAnimationFrame(frameRequest);
  };
}

/** @param share How far in it is: 0 is the outside, 1 the inside. */
function draw({ canvas, outside, inside, frame }: Zoom, share: number): void {
  const context = canvas.getContext('2d');
  if (context === null) return;
  const { width, height } = canvas;
  const scale = devicePixelRatio;
  const between = (from: number, to: number): number => from + (to - from) * share;
  const left = between(frame.x0 * scale, 0);
  const top = between(frame.y0 * scale, 0);
  const right = between(frame.x1 * scale, width);
  const bottom = between(frame.y1 * scale, height);
  const stretchX = (right - left) / ((frame.x1 - frame.x0) * scale);
  const stretchY = (bottom - top) / ((frame.y1 - frame.y0) * scale);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width, height);
  context.globalAlpha = 1;
  context.drawImage(
    outside,
    left - frame.x0 * scale * stretchX,
    top - frame.y0 * scale * stretchY,
    width * stretchX,
    height * stretchY,
  );
  context.globalAlpha = share;
  context.drawImage(inside, left, top, right - left, bottom - top);
  context.globalAlpha = 1;
}
