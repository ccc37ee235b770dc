/** The closure as a graph in layers, drawn by WebGL: zoom, pan, hover, select, step by arrow keys. */
import { Sigma } from 'sigma';
import { EdgeLineProgram, EdgeRectangleProgram } from 'sigma/rendering';
import { degree, labelOf } from '../model/closure.ts';
import { element, iconButton } from './elements.ts';
import { drawFocus, edgeKey, focusOn, type Focus, type Part } from './graph-focus.ts';
import { GraphLabels, ringDrawer } from './graph-labels.ts';
import {
  drawGraph,
  type EdgeAttributes,
  type GraphPicture,
  type NodeAttributes,
} from './graph-picture.ts';
import { stepFrom } from './graph-step.ts';
import type { Layout } from '../model/layered-layout.ts';
import type { PageContext, View } from './page-context.ts';
import type { Changes } from './page-state.ts';
import { mix, wantsLessMotion } from './theme.ts';
import { countOf, describeSize, makeTooltip } from './tooltip.ts';

type Renderer = Sigma<NodeAttributes, EdgeAttributes>;

/** What isn't in focus is that near to the ground. */
const DIM = 0.86;
/** Beyond that edges are as thin as can be, which costs a fraction where there is no graphics card … */
const WIDE_EDGES_MAX = 1_500;
/** … and beyond that they are left out while the picture moves. */
const MOVING_EDGES_MAX = 4_000;
const MOVE_MS = 350;
/** Pixels around the picture. */
const PADDING = 28;
/** Pixels: what is smaller can't be pointed at. */
const SIZE_MIN = 1.8;
/** Discs on the ground are somewhat darker than tiles, which have no ground between them. */
const DEEPEN = 0.06;
/** Of no more paths in focus all are named that have room. */
const NAMED_MAX = 80;

export class GraphView implements View {
  readonly element: HTMLElement;
  readonly toolbar: readonly HTMLElement[];
  readonly #page: PageContext;
  readonly #stage = element('div', { class: 'stage' });
  readonly #tooltip = makeTooltip();
  readonly #note = element('p', { class: 'note' });
  #picture: GraphPicture | undefined;
  #renderer: Renderer | undefined;
  #focus: Focus | undefined;
  /** Chosen in the picture itself: then it is in view already. */
  #isOwnChoice = false;
  /** The more edges there are, the nearer they are to the ground: 0 to 1. */
  #edgeFade = 0;
  /** Pixels for the layout's unit of length while all of it is shown. */
  #unit = 1;

  constructor(page: PageContext) {
    this.#page = page;
    const zoom = element('div', {
      class: 'zoom',
      attributes: { role: 'group', 'aria-label': 'Zoom' },
      children: [
        iconButton('Zoom in', 'plus', () => void this.#camera()?.animatedZoom(this.#motion())),
        iconButton('Zoom out', 'minus', () => void this.#camera()?.animatedUnzoom(this.#motion())),
        iconButton(
          'Show all of it',
          'fit',
          () => void this.#camera()?.animatedReset(this.#motion()),
        ),
      ],
    });
    this.#stage.tabIndex = 0;
    this.#stage.setAttribute('role', 'application');
    this.#stage.setAttribute('aria-roledescription', 'graph');
    this.#stage.setAttribute(
      'aria-label',
      'Graph of the closure. Arrow up selects a referrer, arrow down a reference, left and right what stands beside; plus, minus and zero zoom.',
    );
    this.#stage.addEventListener('keydown', (event) => {
      if (this.#press(event.key)) event.preventDefault();
    });
    this.#stage.addEventListener('pointerleave', () => {
      this.#tooltip.hide();
    });
    this.element = element('div', {
      class: 'view graph',
      children: [this.#stage, zoom, this.#tooltip.element],
    });
    this.toolbar = [this.#note];
    new ResizeObserver(() => {
      if (this.element.offsetParent !== null) this.#refresh();
    }).observe(this.element);
  }

  show(): void {
    if (this.#picture === undefined) this.#start();
    this.#setFocus();
    this.#refresh();
    this.#moveToSelected();
  }

  update(changes: Changes): void {
    if (changes.has('selected')) {
      this.#setFocus();
      if (!this.#isOwnChoice) this.#moveToSelected();
      this.#isOwnChoice = false;
    }
    this.#refresh();
  }

  #refresh(): void {
    if (this.#picture !== undefined) {
      const { clientWidth, clientHeight } = this.#stage;
      const { halfWidth, halfHeight } = extentOf(this.#picture.layout);
      const wide = (clientWidth - 2 * PADDING) / (2 * halfWidth);
      const high = (clientHeight - 2 * PADDING) / (2 * halfHeight);
      this.#unit = Math.max(Math.min(wide, high), 0.1);
    }
    this.#renderer?.refresh();
  }

  #start(): void {
    const { clientWidth: width, clientHeight: height } = this.#stage;
    const picture = drawGraph(this.#page.analysis, width / Math.max(height, 1));
    this.#picture = picture;
    const { graph, layout } = picture;
    this.#edgeFade = Math.min(Math.max(Math.log2(graph.size / width) * 0.25, 0), 0.75);
    this.#note.textContent = this.#noteOf(picture);
    const palette = () => this.#page.palette;
    const labels = new GraphLabels(palette);
    let renderer: Renderer;
    try {
      renderer = new Sigma<NodeAttributes, EdgeAttributes>(graph, this.#stage, {
        allowInvalidContainer: true,
        // Nodes grow less than the room between them: whoever looks closer sees more of it.
        zoomToSizeRatioFunction: Math.sqrt,
        minEdgeThickness: 1.7,
        zIndex: true,
        edgeProgramClasses: { wide: EdgeRectangleProgram, thin: EdgeLineProgram },
        hideEdgesOnMove: graph.size > MOVING_EDGES_MAX,
        labelRenderedSizeThreshold: 6,
        labelDensity: 1,
        labelGridCellSize: 100,
        minCameraRatio: 0.005,
        maxCameraRatio: 1.6,
        stagePadding: PADDING,
        zoomingRatio: 1.5,
        defaultDrawNodeLabel: labels.collect,
        defaultDrawNodeHover: ringDrawer(palette),
        nodeReducer: (key, data) => this.#drawNode(Number(key), data),
        edgeReducer: (key) => this.#drawEdge(key),
      });
    } catch {
      this.#stage.replaceChildren(
        element('p', {
          class: 'empty',
          text: 'This browser cannot draw the graph: it has no WebGL. The treemap and the list show the same closure.',
        }),
      );
      return;
    }
    const { halfWidth, halfHeight } = extentOf(layout);
    renderer.setCustomBBox({ x: [-halfWidth, halfWidth], y: [-halfHeight, halfHeight] });
    renderer.on('afterRender', () => {
      labels.draw();
    });
    renderer.on('clickNode', ({ node }) => {
      this.#isOwnChoice = true;
      this.#page.select(Number(node));
      this.#isOwnChoice = false;
    });
    renderer.on('clickStage', () => {
      this.#page.select(undefined);
    });
    renderer.on('enterNode', ({ node, event }) => {
      this.#stage.style.cursor = 'pointer';
      this.#showTip(Number(node), event.x, event.y);
    });
    renderer.on('leaveNode', () => {
      this.#stage.style.cursor = '';
      this.#tooltip.hide();
    });
    this.#renderer = renderer;
  }

  #noteOf({ impliedCount, drawn }: GraphPicture): string {
    if (impliedCount === 0) return '';
    if (drawn.targets.length === 0) {
      return 'Too many references to draw them all: those of the selected path are shown';
    }
    const implied = countOf(impliedCount, 'reference');
    return `${implied} that others imply ${impliedCount === 1 ? 'is' : 'are'} drawn for the selected path only`;
  }

  #drawNode(node: number, data: NodeAttributes): Record<string, unknown> {
    const { palette, steps, found } = this.#page;
    const colour = palette.steps[steps[node] ?? 0] ?? palette.muted;
    const part = this.#focus?.parts.get(node);
    const size = Math.max(data.size * this.#unit, SIZE_MIN);
    const isOut =
      this.#focus === undefined
        ? found !== undefined && found.isFound[node] !== 1
        : part === undefined;
    if (isOut) {
      return {
        ...data,
        size: size * 0.7,
        color: mix(colour, palette.ground, DIM),
        label: '',
        zIndex: 0,
      };
    }
    const isItself = part === 'itself';
    const isFew = (this.#focus?.parts.size ?? Infinity) <= NAMED_MAX;
    return {
      ...data,
      size: part === undefined ? size : Math.max(size, SIZE_MIN * 2),
      color: mix(colour, palette.text, DEEPEN),
      forceLabel: part !== undefined && (isFew || part === 'chain' || isItself),
      isStrong: isItself || part === 'chain',
      highlighted: isItself,
      zIndex: part === undefined ? 1 : isItself ? 3 : 2,
    };
  }

  #drawEdge(key: string): Record<string, unknown> {
    const { palette, found } = this.#page;
    const graph = this.#picture?.graph;
    const part: Part | undefined =
      graph === undefined
        ? undefined
        : this.#focus?.edges.get(edgeKey(graph.source(key), graph.target(key)));
    if (part !== undefined) {
      const color =
        part === 'reference'
          ? palette.referenceEdge
          : part === 'referrer'
            ? palette.referrerEdge
            : palette.text;
      return { type: 'wide', color, size: 2, zIndex: part === 'chain' ? 3 : 2 };
    }
    if (this.#focus !== undefined) return { hidden: true };
    const share = found === undefined ? this.#edgeFade : 0.85;
    const type = (graph?.size ?? 0) > WIDE_EDGES_MAX ? 'thin' : 'wide';
    return { type, color: mix(palette.edge, palette.ground, share), size: 1, zIndex: 0 };
  }

  #setFocus(): void {
    const { selected } = this.#page.state.current;
    this.#focus = selected === undefined ? undefined : focusOn(this.#page.analysis, selected);
    if (this.#picture !== undefined) drawFocus(this.#picture.graph, this.#focus);
  }

  #camera(): ReturnType<Renderer['getCamera']> | undefined {
    return this.#renderer?.getCamera();
  }

  #motion(): { duration: number } {
    return { duration: wantsLessMotion() ? 1 : MOVE_MS };
  }

  /** Shows the selected path with all that it refers to and that refers to it. */
  #moveToSelected(): void {
    const renderer = this.#renderer;
    const focus = this.#focus;
    if (renderer === undefined || focus === undefined) return;
    let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const [node, part] of focus.parts) {
      const place = renderer.getNodeDisplayData(String(node));
      if (place === undefined || part === 'chain') continue;
      left = Math.min(left, place.x);
      right = Math.max(right, place.x);
      bottom = Math.min(bottom, place.y);
      top = Math.max(top, place.y);
    }
    if (left > right) return;
    // In the camera's measure the picture is 1 wide or high, whichever is more.
    const { width, height } = renderer.getDimensions();
    const least = Math.min(width, height);
    const spread = Math.max(((right - left) * least) / width, ((top - bottom) * least) / height);
    const ratio = Math.min(Math.max(spread * 1.45, this.#closeRatio()), 1);
    const middle = { x: (left + right) / 2, y: (bottom + top) / 2 };
    void renderer.getCamera().animate({ ...middle, ratio }, this.#motion());
  }

  /** So near that a neighbourhood can be told apart, in a closure of any size. */
  #closeRatio(): number {
    const width = this.#picture?.layout.width ?? 0;
    return Math.min(Math.max(50 / Math.max(width, 1), 0.03), 1);
  }

  #showTip(node: number, x: number, y: number): void {
    const { closure } = this.#page.analysis;
    this.#tooltip.show(
      {
        title: labelOf(closure, node),
        lines: [
          describeSize(closure.narSizes[node] ?? 0, closure.totalSize),
          `${countOf(degree(closure.referrers, node), 'referrer')}, ${countOf(degree(closure.references, node), 'reference')}`,
        ],
      },
      x,
      y,
    );
  }

  #press(key: string): boolean {
    const camera = this.#camera();
    if (key === '+' || key === '=') void camera?.animatedZoom(this.#motion());
    else if (key === '-') void camera?.animatedUnzoom(this.#motion());
    else if (key === '0') void camera?.animatedReset(this.#motion());
    else if (key.startsWith('Arrow')) this.#step(key);
    else return false;
    return true;
  }

  #step(key: string): void {
    const { analysis, state } = this.#page;
    const { selected } = state.current;
    const layout = this.#picture?.layout;
    if (layout === undefined) return;
    const next =
      selected === undefined
        ? analysis.closure.roots[0]
        : stepFrom(analysis, layout, selected, key);
    if (next !== undefined) this.#page.select(next, { replace: true });
  }
}

/** Half of the room that the picture takes. A few nodes aren't blown up to fill the screen. */
function extentOf({ width, height }: Layout): { halfWidth: number; halfHeight: number } {
  return { halfWidth: Math.max(width / 2, 14), halfHeight: Math.max(height / 2, 10) };
}
