/** Names below the nodes of the graph, as many as don't cover each other, and the ring around a node. */
import type { NodeHoverDrawingFunction, NodeLabelDrawingFunction } from 'sigma/rendering';
import type { EdgeAttributes, NodeAttributes } from './graph-picture.ts';
import type { Palette } from './theme.ts';

const LENGTH_MAX = 34;
const SIZE = 12;
/** Free room around a name. */
const MARGIN = 3;

interface Label {
  readonly context: CanvasRenderingContext2D;
  readonly text: string;
  readonly x: number;
  readonly y: number;
  /** Of its node: names of large ones come first. */
  readonly size: number;
  readonly isStrong: boolean;
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Sigma says which nodes deserve a name; this draws those names when all are known. */
export class GraphLabels {
  readonly #palette: () => Palette;
  #labels: Label[] = [];

  constructor(palette: () => Palette) {
    this.#palette = palette;
  }

  readonly collect: NodeLabelDrawingFunction<NodeAttributes, EdgeAttributes> = (context, data) => {
    if (typeof data.label !== 'string' || data.label === '') return;
    const isLong = data.label.length > LENGTH_MAX;
    this.#labels.push({
      context,
      text: isLong ? `${data.label.slice(0, LENGTH_MAX - 1)}…` : data.label,
      x: data.x,
      y: data.y + data.size + SIZE + 1,
      size: data.size,
      isStrong: data['isStrong'] === true,
    });
  };

  /** To be called when a picture is complete. */
  draw(): void {
    const labels = this.#labels.sort(
      (a, b) => Number(b.isStrong) - Number(a.isStrong) || b.size - a.size,
    );
    this.#labels = [];
    const { ground, text, muted, font } = this.#palette();
    const taken: Box[] = [];
    for (const label of labels) {
      const { context, y } = label;
      context.font = `${label.isStrong ? 600 : 400} ${SIZE}px ${font}`;
      const half = context.measureText(label.text).width / 2 + MARGIN;
      // At the edges beside the middle of its node rather than cut off.
      const x = Math.max(Math.min(label.x, context.canvas.clientWidth - half), half);
      const box = { left: x - half, right: x + half, top: y - SIZE, bottom: y + MARGIN };
      if (taken.some((other) => isOver(box, other))) continue;
      taken.push(box);
      context.textAlign = 'center';
      context.lineJoin = 'round';
      context.lineWidth = 4;
      // So that lines don't run through the letters.
      context.strokeStyle = ground;
      context.fillStyle = label.isStrong ? text : muted;
      context.strokeText(label.text, x, y);
      context.fillText(label.text, x, y);
    }
  }
}

/** The ring around the selected node and the one under the pointer. */
export function ringDrawer(
  palette: () => Palette,
): NodeHoverDrawingFunction<NodeAttributes, EdgeAttributes> {
  return (context, data) => {
    context.strokeStyle = palette().text;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(data.x, data.y, data.size + 2.5, 0, Math.PI * 2);
    context.stroke();
  };
}

function isOver(one: Box, other: Box): boolean {
  return (
    one.left < other.right &&
    one.right > other.left &&
    one.top < other.bottom &&
    one.bottom > other.top
  );
}
