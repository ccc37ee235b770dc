/** The closure as a graph in layers, drawn by WebGL: zoom, pan, hover, select, step by arrow keys. */
import { Sigma } from 'sigma';
import { EdgeLineProgram, EdgeRectangleProgram } from 'sigma/rendering';
import { degree, labelOf } from '../model/closure.ts';
import { element, iconButton } from './elements.ts';
import { drawFocus, focusOn } from './graph-focus.ts';
import { GraphLabels, ringDrawer } from './graph-labels.ts';
import {
  drawGraph,
  type EdgeAttributes,
  type GraphPicture,
  type NodeAttributes,
} from './graph-picture.ts';
import { stepFrom } from './graph-step.ts';
import { GraphStyle } from './graph-style.ts';
import type { PageContext, View } from './page-context.ts';
import type { Changes } from './page-state.ts';
import { wantsLessMotion } from './theme.ts';
import { countOf, describeSize, makeTooltip } from './tooltip.ts';

type Renderer = Sigma<NodeAttributes, EdgeAttributes>;

/** Beyond that edges are left out while the picture moves. */
const MOVING_EDGES_MAX = 4_000;
const MOVE_MS = 350;
/** Pixels around the picture. */
const PADDING = 28;
/** In the layout's unit, half of what is shown at the least: a few nodes aren't blown up to fill the screen. */
const LEAST = { width: 14, height: 10 };

export class GraphView implements View {
  readonly element: HTMLElement;
  readonly toolbar: readonly HTMLElement[];
  readonly #page: PageContext;
  readonly #stage = element('div', { class: 'stage' });
  readonly #tooltip = makeTooltip();
  readonly #note = element('p', { class: 'note' });
  #picture: GraphPicture | undefined;
  #renderer: Renderer | undefined;
  #style: GraphStyle | undefined;
  /** Chosen in the picture itself: then it is in view already. */
  #isOwnChoice = false;

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
    if (this.#picture === undefined) {
      this.#start();
    } else {
      this.#setFocus();
      this.#refresh();
    }
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
    this.#measure();
    this.#renderer?.refresh();
  }

  #measure(): void {
    if (this.#picture === undefined || this.#style === undefined) return;
    const { clientWidth, clientHeight } = this.#stage;
    const { width, height } = this.#picture.layout;
    const wide = (clientWidth - 2 * PADDING) / Math.max(width, 2 * LEAST.width);
    const high = (clientHeight - 2 * PADDING) / Math.max(height, 2 * LEAST.height);
    this.#style.unit = Math.max(Math.min(wide, high), 0.1);
  }

  #start(): void {
    const { clientWidth: width, clientHeight: height } = this.#stage;
    const picture = drawGraph(this.#page.analysis, width / Math.max(height, 1));
    this.#picture = picture;
    const { graph, layout } = picture;
    const style = new GraphStyle(this.#page, graph, width);
    this.#style = style;
    this.#setFocus();
    this.#measure();
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
        nodeReducer: (key, data) => style.node(key, data),
        edgeReducer: (key) => style.edge(key),
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
    if (layout.width < 2 * LEAST.width && layout.height < 2 * LEAST.height) {
      const { width: x, height: y } = LEAST;
      renderer.setCustomBBox({ x: [-x, x], y: [-y, y] });
      renderer.refresh();
    }
    // Layers with nothing on them cost as much as others where there is no graphics card.
    const { edgeLabels, hoverNodes } = renderer.getCanvases();
    for (const layer of [edgeLabels, hoverNodes]) if (layer !== undefined) layer.hidden = true;
    // What was collected for the first picture came too early for this.
    labels.draw();
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

  #setFocus(): void {
    const { selected } = this.#page.state.current;
    if (this.#picture === undefined || this.#style === undefined) return;
    this.#style.focus = selected === undefined ? undefined : focusOn(this.#page.analysis, selected);
    drawFocus(this.#picture.graph, this.#style.focus);
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
    const focus = this.#style?.focus;
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
