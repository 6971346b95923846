// @ts-check
/** The three brushes: not sky, is sky, and the eraser. */

import { words } from "./words.js";
import { make } from "../dom.js";
import { numberField } from "../panel/fields.js";
import { registerTool } from "./registry.js";
import { Stroke } from "./strokes.js";

/**
 * @typedef {import("../types.js").App} App
 * @typedef {import("./painted.js").Painted} Painted
 */

const LEAST = 0.5;

const ICONS = {
  not_sky: "M4 20c3 0 4-1 4-4l9-11 3 3-11 9c0 3-2 4-5 4M14 3h0M18 16l4 4M22 16l-4 4",
  sky: "M4 20c3 0 4-1 4-4l9-11 3 3-11 9c0 3-2 4-5 4M16 18l2 2 4-5",
  erase: "M3 16l9-11 8 7-8 9H8zM8 10l8 7M12 21h9",
};

/**
 * The largest radius: a stroke over all of a small image is never needed to be wider.
 *
 * @param {App} app
 */
function largest({ store }) {
  const { width = 0, height = 0 } = store.get().hello?.image ?? {};
  return Math.max(10, Math.round(Math.max(width, height) / 4));
}

/**
 * Change the size of all brushes by a factor.
 *
 * @param {App} app
 * @param {number} factor
 */
export function resizeBrush(app, factor) {
  const radius = app.store.get().brush * factor;
  app.store.set({ brush: Math.min(largest(app), Math.max(LEAST, Math.round(radius * 10) / 10)) });
}

/**
 * The brush of a layer.
 *
 * @param {App} app
 * @param {Painted} painted
 * @param {"not_sky" | "sky" | "erase"} layer
 * @param {string} key
 */
export function addBrush(app, painted, layer, key) {
  /** @type {Stroke | null} */
  let stroke = null;
  registerTool({
    name: layer,
    key,
    icon: ICONS[layer],
    cursor: "none",
    sized: true,
    start: () => app.store.set({ layer }),
    down(touch) {
      const laid = touch.alternate && layer !== "erase" ? "erase" : layer;
      stroke = new Stroke(app, painted, laid, app.store.get().brush);
      stroke.add(touch.point);
    },
    move(touches, pressed) {
      app.store.set({ pointer: touches[touches.length - 1].point });
      if (pressed) for (const { point } of touches) stroke?.add(point);
    },
    up(touch) {
      stroke?.add(touch.point);
      stroke?.end();
      stroke = null;
    },
    cancel() {
      if (!stroke) return false;
      stroke.cancel();
      stroke = null;
      return true;
    },
    resize: (factor) => resizeBrush(app, factor),
    options: () => [brushSize(app)],
  });
}

/** The size of the brush as a field. @param {App} app */
function brushSize(app) {
  const field = numberField({
    label: words.brush.size,
    help: words.brush.size_help,
    unit: words.pixels,
    minimum: LEAST,
    maximum: largest(app),
    logarithmic: true,
    change: (radius) => app.store.set({ brush: radius }),
  });
  app.store.on(["brush"], ({ brush }) => field.show(brush));
  return make("div", { class: "option" }, field.element);
}
