// @ts-check
/** Borders that are left out of the fit, dragged in from the edges of the image. */

import { words } from "./words.js";
import { button } from "../dom.js";
import { problem, say } from "../say.js";
import { registerTool } from "./registry.js";

/**
 * @typedef {import("../types.js").App} App
 * @typedef {import("../types.js").Point} Point
 * @typedef {[number, number, number, number]} Border  left, top, right, bottom in pixels
 */

const NEAR = 14; // CSS pixels beside a line that still mean the line
const ICON = "M3 3h18v18H3zM7 7h10v10H7zM3 12h4M17 12h4M12 3v4M12 17v4";

/**
 * How far each border reaches, while one is dragged or as the server has it.
 *
 * @param {App} app
 * @returns {Border}
 */
export function bordersOf({ store }) {
  const { border, state } = store.get();
  return border ?? state?.border ?? [0, 0, 0, 0];
}

/**
 * The distances of a point from the four edges of the image.
 *
 * @param {App} app
 * @param {Point} point
 */
function fromEdges({ store }, [x, y]) {
  const { width = 0, height = 0 } = store.get().hello?.image ?? {};
  return [x, y, width - x, height - y];
}

/**
 * The side whose line is near a point, or -1.
 *
 * @param {App} app
 * @param {Point} point
 */
export function sideAt(app, point) {
  const borders = bordersOf(app);
  const away = fromEdges(app, point).map((distance, side) => Math.abs(distance - borders[side]));
  const nearest = away.indexOf(Math.min(...away));
  return away[nearest] * app.viewport.scale <= NEAR ? nearest : -1;
}

/**
 * Send borders, whole pixels that leave something of the image.
 *
 * @param {App} app
 * @param {Border} border
 */
export async function sendBorders(app, border) {
  app.store.set({ border });
  try {
    await app.send({ do: "set", settings: { border } });
    say(words.borders.tell(border));
  } catch (error) {
    problem(/** @type {Error} */ (error));
  }
  app.store.set({ border: null });
}

/** @param {App} app */
export function addBorders(app) {
  const { store } = app;
  let side = -1;
  const dragged = (/** @type {Point} */ point) => {
    const { width = 0, height = 0 } = store.get().hello?.image ?? {};
    const next = /** @type {Border} */ ([...bordersOf(app)]);
    const most = (side % 2 ? height : width) - next[(side + 2) % 4] - 1;
    next[side] = Math.max(0, Math.min(most, Math.round(fromEdges(app, point)[side])));
    return next;
  };
  registerTool({
    name: "borders",
    key: "g",
    icon: ICON,
    cursor: "default",
    down({ point }) {
      side = sideAt(app, point);
      if (side >= 0) return;
      say(words.borders.how);
      return false;
    },
    move(touches, pressed) {
      const { point } = touches[touches.length - 1];
      if (pressed && side >= 0) store.set({ border: dragged(point) });
      else if (!pressed) store.set({ hovered: sideAt(app, point) + 1 });
    },
    up({ point }) {
      if (side < 0) return;
      const border = dragged(point);
      side = -1;
      void sendBorders(app, border);
    },
    cancel() {
      const had = side >= 0;
      side = -1;
      store.set({ border: null });
      return had;
    },
    stop: () => store.set({ hovered: 0 }),
    options: () => [
      button(words.borders.none, words.borders.none_help, () =>
        void app.send({ do: "reset", names: ["border"] }).catch(problem),
      ),
    ],
  });
}
