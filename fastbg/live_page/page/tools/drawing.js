// @ts-check
/** What the tools draw over the image: paint, shapes, borders, samples, brush and cursor. */

import { bordersOf } from "./borders.js";
import { drawCells, line, stroke } from "./ink.js";
import { drawObjects } from "./objects_drawn.js";
import { COLOURS } from "./painted.js";
import { activeTool } from "./registry.js";
import { drawSamples } from "./samples_drawn.js";

/**
 * @typedef {import("../types.js").App} App
 * @typedef {import("../viewport.js").Viewport} Viewport
 * @typedef {import("./painted.js").Painted} Painted
 */

const PAINTING = new Set(["not_sky", "sky", "erase", "polygon", "rectangle", "ellipse", "objects"]);
const LAYER_COLOURS = { not_sky: css(COLOURS[1]), sky: css(COLOURS[2]), erase: "#e8edf3" };
const SHADE = "rgba(9, 11, 16, 0.62)";
const ACCENT = "#8fc1ff";

/** @param {number[]} colour */
function css([red, green, blue]) {
  return `rgb(${red}, ${green}, ${blue})`;
}

/**
 * Draw all of it whenever something of it changes.
 *
 * @param {App} app
 * @param {Painted} painted
 */
export function startDrawing(app, painted) {
  const { store, overlay } = app;
  overlay.add({ draw: (context, viewport) => draw(app, painted, context, viewport) });
  store.on(
    ["pictures", "state", "tool", "brush", "layer", "cursor", "pointer", "outline", "hovered",
      "selected", "dragged", "border", "view", "marks", "blink"],
    () => overlay.invalidate(),
  );
}

/**
 * @param {App} app
 * @param {Painted} painted
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 */
function draw(app, painted, context, viewport) {
  const { tool, view, marks, blink, state } = app.store.get();
  // A blink compares pictures, which nothing should cover.
  if (blink) return;
  const all = marks || view === "sky";
  if (tool === "objects") drawObjects(app, context, viewport);
  if (all || PAINTING.has(tool)) drawCells(painted.canvas, painted.grid.binning, context, viewport);
  drawBorders(app, context, viewport);
  if (tool === "samples" || (all && state?.use_samples)) drawSamples(app, context, viewport);
  drawOutline(app, context, viewport);
  drawBrush(app, context, viewport);
}

/**
 * What the borders leave out is dark, and their lines can be seen to be dragged.
 *
 * @param {App} app
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 */
function drawBorders(app, context, viewport) {
  const { tool, hovered, hello } = app.store.get();
  const [left, top, right, bottom] = bordersOf(app);
  const isUsed = tool === "borders";
  if (!hello || (!isUsed && !(left || top || right || bottom))) return;
  const { width, height } = hello.image;
  const [x0, y0] = viewport.toScreen(0, 0);
  const [x3, y3] = viewport.toScreen(width, height);
  const [x1, y1] = viewport.toScreen(left, top);
  const [x2, y2] = viewport.toScreen(width - right, height - bottom);
  context.fillStyle = SHADE;
  context.beginPath();
  context.rect(x0, y0, x3 - x0, y3 - y0);
  context.rect(x1, y1, x2 - x1, y2 - y1);
  context.fill("evenodd");
  const lines = [
    [x1, y0, x1, y3],
    [x0, y1, x3, y1],
    [x2, y0, x2, y3],
    [x0, y2, x3, y2],
  ];
  lines.forEach(([fromX, fromY, toX, toY], side) => {
    if (!isUsed && ![left, top, right, bottom][side]) return;
    const isHeld = isUsed && hovered === side + 1;
    line(context, [[fromX, fromY], [toX, toY]], isHeld ? ACCENT : "#cdd4de", isHeld ? 3 : 1.5, isUsed ? [] : [6, 5]);
    if (isUsed) handle(context, (fromX + toX) / 2, (fromY + toY) / 2, side % 2 === 0, isHeld);
  });
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {boolean} isUpright
 * @param {boolean} isHeld
 */
function handle(context, x, y, isUpright, isHeld) {
  const [width, height] = isUpright ? [10, 44] : [44, 10];
  context.beginPath();
  context.roundRect(x - width / 2, y - height / 2, width, height, 5);
  context.fillStyle = isHeld ? ACCENT : "#cdd4de";
  context.fill();
  context.strokeStyle = "#0e1117";
  context.lineWidth = 1;
  context.stroke();
}

/**
 * The shape that is being drawn.
 *
 * @param {App} app
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 */
function drawOutline({ store }, context, viewport) {
  const { outline } = store.get();
  if (!outline) return;
  const { shape, points, layer } = outline;
  const corners = points.map(([x, y]) => viewport.toScreen(x, y));
  context.beginPath();
  if (shape === "polygon") {
    corners.forEach(([x, y], index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.closePath();
  } else {
    const [[x0, y0], [x1, y1]] = corners;
    const [left, top, width, height] = [Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0)];
    if (shape === "rectangle") context.rect(left, top, width, height);
    else context.ellipse(left + width / 2, top + height / 2, width / 2, height / 2, 0, 0, 2 * Math.PI);
  }
  context.globalAlpha = 0.25;
  context.fillStyle = LAYER_COLOURS[layer];
  context.fill("evenodd");
  context.globalAlpha = 1;
  stroke(context, LAYER_COLOURS[layer], 1.5);
  if (shape !== "polygon") return;
  corners.forEach(([x, y], index) => {
    context.beginPath();
    context.arc(x, y, index ? 3 : 5, 0, 2 * Math.PI);
    context.fillStyle = LAYER_COLOURS[layer];
    context.fill();
  });
}

/**
 * The brush under the pointer, and the keyboard's cursor.
 *
 * @param {App} app
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 */
function drawBrush(app, context, viewport) {
  const { pointer, cursor, brush, tool } = app.store.get();
  const { sized } = activeTool(app);
  const at = cursor ?? pointer;
  if (sized && at) {
    const [x, y] = viewport.toScreen(...at);
    context.beginPath();
    context.arc(x, y, Math.max(1.5, brush * viewport.scale), 0, 2 * Math.PI);
    stroke(context, LAYER_COLOURS[/** @type {keyof typeof LAYER_COLOURS} */ (tool)], 1.5);
  }
  if (!cursor) return;
  const [x, y] = viewport.toScreen(...cursor);
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    line(context, [[x + 4 * dx, y + 4 * dy], [x + 14 * dx, y + 14 * dy]], ACCENT, 2);
  }
}
