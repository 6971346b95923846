// @ts-check
/** What was found as an object, or as sky, is clicked and taken for the other. */

import { words } from "./words.js";
import { problem, say } from "../say.js";
import { openMenu } from "./menu.js";
import { MARK } from "./painted.js";
import { cellAt } from "./raster.js";
import { registerTool } from "./registry.js";

/**
 * @typedef {import("../types.js").App} App
 * @typedef {import("../types.js").Point} Point
 * @typedef {import("./painted.js").Painted} Painted
 */

const ICON = "M12 4a8 8 0 1 0 0.010 0zM12 9a3 3 0 1 0 0.010 0zM19 19l3 3";

/**
 * The number of the found object at a point of the image; 0 is sky.
 *
 * @param {App} app
 * @param {Point} point
 */
export function objectAt({ store }, point) {
  const found = store.get().pictures.objects;
  if (!found) return 0;
  const { width, height, binning = 1 } = found.header;
  const cell = cellAt({ width, height, binning }, point);
  return cell < 0 ? 0 : found.planes[0][cell];
}

/**
 * What there is at a point: what was found or painted, and what can be done with it.
 *
 * @param {App} app
 * @param {Painted} painted
 * @param {Point} point
 */
function whatIsAt(app, { grid, marks }, point) {
  const cell = cellAt(grid, point);
  const isPainted = cell >= 0 && marks[cell] === MARK.not_sky;
  const isObject = objectAt(app, point) > 0;
  const { found, painted, none, actions, of_sky } = words.object;
  if (!isPainted && !isObject) return { title: none, names: ["object"], about: of_sky };
  return {
    title: isObject ? found : painted,
    // What is painted as not sky is an object already.
    names: isPainted ? ["sky", "grow", "shrink"] : ["sky", "object", "grow", "shrink"],
    about: actions,
  };
}

/** @param {App} app @param {Painted} painted */
export function addObjects(app, painted) {
  const act = async (/** @type {Point} */ [x, y], /** @type {string} */ action) => {
    try {
      await app.send({ do: "object", x, y, action });
      say(words.object.done[action]);
    } catch (error) {
      problem(/** @type {Error} */ (error));
    }
  };
  registerTool({
    name: "objects",
    key: "c",
    icon: ICON,
    cursor: "pointer",
    clicks: true,
    // At the end of the click: its beginning gives the focus to the image, and would close a menu.
    down: () => {},
    up({ point, place }) {
      const { title, names, about } = whatIsAt(app, painted, point);
      const items = names.map((action) => ({ ...about[action], press: () => void act(point, action) }));
      openMenu(title, items, place);
    },
    move(touches) {
      const under = objectAt(app, touches[touches.length - 1].point);
      if (under !== app.store.get().hovered) app.store.set({ hovered: under });
    },
    stop: () => app.store.set({ hovered: 0 }),
  });
}
