// @ts-check
/** Polygon, rectangle and ellipse, which are filled with the layer that was used last. */

import { words } from "./words.js";
import { say } from "../say.js";
import { choice } from "../panel/fields.js";
import { filled } from "./raster.js";
import { registerTool } from "./registry.js";
import { settle } from "./strokes.js";

/**
 * @typedef {import("../types.js").App} App
 * @typedef {import("../types.js").Point} Point
 * @typedef {import("./painted.js").Painted} Painted
 * @typedef {import("../types.js").Layer} Layer
 * @typedef {import("./tool.js").Touch} Touch
 * @typedef {"polygon" | "rectangle" | "ellipse"} Shape
 */

const CLOSE = 10; // CSS pixels from the first corner that close a polygon

const ICONS = {
  polygon: "M12 3l9 7-4 10H7L3 10z",
  rectangle: "M4 6h16v12H4z",
  ellipse: "M12 6c5 0 9 2.700 9 6s-4 6-9 6-9-2.700-9-6 4-6 9-6z",
};

/**
 * Fill a shape, here at once and by the server.
 *
 * @param {App} app
 * @param {Painted} painted
 * @param {Shape} shape
 * @param {Point[]} points
 * @param {Layer} layer
 */
function fill(app, painted, shape, points, layer) {
  const pending = painted.begin(layer);
  painted.add(pending, (visit) => filled(painted.grid, shape, points, visit));
  settle(painted, pending, app.send({ do: "shape", layer, shape, points }));
  app.store.set({ outline: null });
  say(words.filled[layer]);
}

/**
 * The layer to fill with: the right button and the eraser of a pen erase.
 *
 * @param {App} app
 * @param {boolean} alternate
 */
const layerOf = (app, alternate) => (alternate ? "erase" : app.store.get().layer);

/**
 * Rectangle or ellipse: drag from corner to corner; with Shift, both sides are equal.
 *
 * @param {App} app
 * @param {Painted} painted
 * @param {"rectangle" | "ellipse"} shape
 * @param {string} key
 */
export function addBox(app, painted, shape, key) {
  /** @type {{from: Point, alternate: boolean} | null} */
  let begun = null;
  const corner = (/** @type {Point} */ from, /** @type {Touch} */ { point, shift }) => {
    if (!shift) return point;
    const [dx, dy] = [point[0] - from[0], point[1] - from[1]];
    const side = Math.max(Math.abs(dx), Math.abs(dy));
    return /** @type {Point} */ ([
      from[0] + Math.sign(dx) * side,
      from[1] + Math.sign(dy) * side,
    ]);
  };
  registerTool({
    name: shape,
    key,
    icon: ICONS[shape],
    cursor: "crosshair",
    down: ({ point, alternate }) => {
      begun = { from: point, alternate };
    },
    move(touches) {
      if (!begun) return;
      const to = corner(begun.from, touches[touches.length - 1]);
      const layer = layerOf(app, begun.alternate);
      app.store.set({ outline: { shape, points: [begun.from, to], layer } });
    },
    up(touch) {
      if (!begun) return;
      const { from, alternate } = begun;
      const to = corner(from, touch);
      begun = null;
      app.store.set({ outline: null });
      if (from[0] === to[0] || from[1] === to[1]) return;
      fill(app, painted, shape, [from, to], layerOf(app, alternate));
    },
    cancel() {
      const had = begun !== null;
      begun = null;
      app.store.set({ outline: null });
      return had;
    },
    options: () => [layerChoice(app)],
  });
}

/**
 * Polygon: each click is a corner; the first corner, a double click or Enter twice closes it.
 *
 * @param {App} app
 * @param {Painted} painted
 * @param {string} key
 */
export function addPolygon(app, painted, key) {
  /** @type {Point[]} */
  let corners = [];
  let alternate = false;
  const show = (/** @type {Point[]} */ points) =>
    app.store.set({
      outline: points.length ? { shape: "polygon", points, layer: layerOf(app, alternate) } : null,
    });
  const isAtFirst = (/** @type {Point} */ point) => {
    if (corners.length < 3) return false;
    const [x, y] = app.viewport.toScreen(...corners[0]);
    const [u, v] = app.viewport.toScreen(...point);
    return Math.hypot(x - u, y - v) < CLOSE;
  };
  const close = () => {
    const points = corners;
    corners = [];
    if (points.length < 3) {
      show(corners);
      return say(words.polygon_needs);
    }
    fill(app, painted, "polygon", points, layerOf(app, alternate));
  };
  registerTool({
    name: "polygon",
    key,
    icon: ICONS.polygon,
    cursor: "crosshair",
    clicks: true,
    down(touch) {
      if (touch.twice || isAtFirst(touch.point)) return close();
      if (!corners.length) alternate = touch.alternate;
      corners.push(touch.point);
      show([...corners]);
    },
    move(touches) {
      if (corners.length) show([...corners, touches[touches.length - 1].point]);
    },
    key_down(event) {
      if (event.key !== "Backspace" || !corners.length) return false;
      corners.pop();
      show([...corners]);
      return true;
    },
    cancel() {
      const had = corners.length > 0;
      corners = [];
      app.store.set({ outline: null });
      return had;
    },
    options: () => [layerChoice(app)],
  });
}

/** What a shape is filled with. @param {App} app */
function layerChoice(app) {
  const layers = choice({
    label: words.layer.label,
    help: words.layer.help,
    values: ["not_sky", "sky", "erase"],
    names: words.layer.names,
    change: (layer) => app.store.set({ layer: /** @type {Layer} */ (layer) }),
  });
  app.store.on(["layer"], ({ layer }) => layers.show(layer));
  return layers.element;
}
