/** Draws the cells of a treemap on a canvas. */
import { formatBytes } from '../../bytes/format-bytes.ts';
import type { Cell } from '../model/treemap.ts';
import { HEADER_HEIGHT } from '../model/treemap.ts';
import { mix, type Palette } from './theme.ts';

export interface TreemapPicture {
  readonly cells: readonly Cell[];
  readonly palette: Palette;
  /** By number: the step on the scale of colours. */
  readonly steps: Uint8Array;
  /** By number: 1 where it is to be seen; undefined for all. */
  readonly isFound: Uint8Array | undefined;
  /** Whether the values of cells are bytes. */
  readonly hasSizes: boolean;
}

const LABEL_MIN = { width: 40, height: 18 };
const ELLIPSIS = '…';

export function paintTreemap(context: CanvasRenderingContext2D, picture: TreemapPicture): void {
  const { canvas } = context;
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.textBaseline = 'alphabetic';
  const fit = textFitter(context);
  for (const cell of picture.cells) {
    if (cell.isGroup) paintGroup(context, cell, picture, fit);
    else paintTile(context, cell, picture, fit);
  }
}

type FitText = (text: string, width: number) => string;

function paintGroup(
  context: CanvasRenderingContext2D,
  cell: Cell,
  { palette }: TreemapPicture,
  fit: FitText,
): void {
  if (!cell.hasHeader) return;
  // Groups within groups stand out by a shade each.
  context.fillStyle = mix(palette.group, palette.text, Math.min((cell.depth - 1) * 0.035, 0.2));
  box(context, cell, 4);
  context.font = `600 11px ${palette.font}`;
  context.fillStyle = palette.muted;
  const width = cell.x1 - cell.x0 - 14;
  context.fillText(fit(cell.label, width), cell.x0 + 7, cell.y0 + HEADER_HEIGHT - 6);
}

function paintTile(
  context: CanvasRenderingContext2D,
  cell: Cell,
  { palette, steps, isFound, hasSizes }: TreemapPicture,
  fit: FitText,
): void {
  const { node } = cell.part;
  const width = cell.x1 - cell.x0;
  const height = cell.y1 - cell.y0;
  if (node === undefined || width <= 0 || height <= 0) return;
  const step = steps[node] ?? 0;
  const isDim = isFound !== undefined && isFound[node] !== 1;
  const colour = palette.steps[step] ?? palette.group;
  const fill = isDim ? mix(colour, palette.ground, 0.82) : colour;
  context.fillStyle = fill;
  box(context, cell, Math.min(3, width / 4, height / 4));
  if (isDim || width < LABEL_MIN.width || height < LABEL_MIN.height) return;

  const ink = palette.inks[step] ?? palette.text;
  const size = Math.round(Math.min(Math.max(Math.sqrt(width * height) / 11, 11), 22, height - 6));
  const inner = width - 14;
  context.fillStyle = ink;
  context.font = `600 ${size}px ${palette.font}`;
  const label = fit(cell.label, inner);
  if (label === '') return;
  const x = cell.x0 + 7;
  const y = cell.y0 + 4 + size;
  context.fillText(label, x, y);
  const small = Math.max(Math.round(size * 0.7), 11);
  context.fillStyle = mix(ink, fill, 0.25);
  context.font = `400 ${small}px ${palette.font}`;
  const lines = [hasSizes ? formatBytes(cell.value) : '', cell.detail];
  let below = y;
  for (const line of lines) {
    if (line === '' || below + small + 10 > cell.y1) continue;
    const text = fit(line, inner);
    // Half a figure would be another one.
    if (text !== line && line !== cell.detail) continue;
    below += small + 4;
    context.fillText(text, x, below);
  }
}

/** A line around a cell, on a canvas of its own. */
export function paintOutline(
  context: CanvasRenderingContext2D,
  cell: Cell,
  colours: { readonly line: string; readonly around: string },
  lineWidth: number,
): void {
  for (const [colour, width] of [
    [colours.around, lineWidth + 3],
    [colours.line, lineWidth],
  ] as const) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.roundRect(cell.x0, cell.y0, cell.x1 - cell.x0, cell.y1 - cell.y0, 3);
    context.stroke();
  }
}

/** With a gap around it, that is the narrower the smaller it is: small ones still add up to a colour. */
function box(context: CanvasRenderingContext2D, cell: Cell, radius: number): void {
  const gapX = Math.min((cell.x1 - cell.x0) * 0.1, 1);
  const gapY = Math.min((cell.y1 - cell.y0) * 0.1, 1);
  const width = cell.x1 - cell.x0 - 2 * gapX;
  const height = cell.y1 - cell.y0 - 2 * gapY;
  if (radius < 1) {
    context.fillRect(cell.x0 + gapX, cell.y0 + gapY, width, height);
    return;
  }
  context.beginPath();
  context.roundRect(cell.x0 + gapX, cell.y0 + gapY, width, height, radius);
  context.fill();
}

/** Cuts text to a width, by the font that is set; '' where less than three letters would be left. */
function textFitter(context: CanvasRenderingContext2D): FitText {
  return (text, width) => {
    if (context.measureText(text).width <= width) return text;
    let low = 0;
    let high = text.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      const isShort = context.measureText(text.slice(0, middle) + ELLIPSIS).width <= width;
      if (isShort) low = middle;
      else high = middle - 1;
    }
    return low < 3 ? '' : text.slice(0, low) + ELLIPSIS;
  };
}
