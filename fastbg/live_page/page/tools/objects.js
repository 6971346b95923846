// @ts-check
/** What was found as an object, or as sky, is clicked and taken for the other. */

import { words } from "./words.js";
import { problem, say } from "../say.js";
import { openMenu } from "./menu.js";
import { cellAt } from "./raster.js";
import { registerTool } from "./registry.js";

/**
 * @typedef {import("../types.js").App} App
 * @typedef {import("../types.js").Point} Point
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

/** @param {App} app */
export function addObjects(app) {
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
      const isObject = objectAt(app, point) > 0;
      const actions = isObject ? ["sky", "object", "grow", "shrink"] : ["object"];
      const names = isObject ? words.object.actions : words.object.of_sky;
      const items = actions.map((action) => ({
        ...names[action],
        press: () => void act(point, action),
      }));
      openMenu(isObject ? words.object.found : words.object.none, items, place);
    },
    move(touches) {
      const under = objectAt(app, touches[touches.length - 1].point);
      if (under !== app.store.get().hovered) app.store.set({ hovered: under });
    },
    stop: () => app.store.set({ hovered: 0 }),
  });
}
