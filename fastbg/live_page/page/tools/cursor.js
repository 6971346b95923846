// @ts-check
/** The keyboard's cursor on the image: arrows move it, Enter puts the pen down and up. */

import { words } from "./words.js";
import { say } from "../say.js";
import { activeTool } from "./registry.js";

/**
 * @typedef {import("../types.js").App} App
 * @typedef {import("../types.js").Point} Point
 */

const STEP = 12; // CSS pixels; with Shift, one pixel of the screen
const MARGIN = 40; // CSS pixels from the edge at which the image is moved along
const TELL_AFTER = 500;

const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

let pressed = false;
/** @type {Point | null} */
let lastPress = null;
let timer = 0;

/**
 * @param {App} app
 * @param {Point} point
 * @param {boolean} shift
 * @param {boolean} [twice]
 * @returns {import("./tool.js").Touch}
 */
function touch(app, point, shift, twice = false) {
  const box = app.viewport.stage.getBoundingClientRect();
  const [x, y] = app.viewport.toScreen(...point);
  return { point, place: [box.left + x, box.top + y], by: "keyboard", alternate: false, twice, shift };
}

/**
 * Use a key for the cursor, if the tool in use has one.
 *
 * @param {App} app
 * @param {KeyboardEvent} event
 * @returns {boolean} Whether the key was used.
 */
export function cursorKey(app, event) {
  const tool = activeTool(app);
  if (!tool.down) return false;
  const direction = DIRECTIONS[/** @type {keyof typeof DIRECTIONS} */ (event.key)];
  if (direction && !event.ctrlKey && !event.metaKey && !event.altKey) {
    move(app, direction, event.shiftKey);
    return true;
  }
  if (event.key !== "Enter") return false;
  if (!event.repeat) press(app, event.shiftKey);
  return true;
}

/**
 * @param {App} app
 * @param {number[]} direction
 * @param {boolean} fine
 */
function move(app, [dx, dy], fine) {
  const { store, viewport } = app;
  const { width = 1, height = 1 } = store.get().hello?.image ?? {};
  const [x, y] = place(app);
  const step = (fine ? 1 / viewport.density : STEP) / viewport.scale;
  /** @type {Point} */
  const point = [
    Math.min(width, Math.max(0, x + dx * step)),
    Math.min(height, Math.max(0, y + dy * step)),
  ];
  store.set({ cursor: point, pointer: point });
  follow(app, point);
  activeTool(app).move?.([touch(app, point, false)], pressed);
  clearTimeout(timer);
  timer = window.setTimeout(() => say(words.cursor.at(point)), TELL_AFTER);
}

/** Where the cursor is, or begins: the middle of what is seen. @param {App} app @returns {Point} */
function place({ store, viewport }) {
  return store.get().cursor ?? /** @type {Point} */ ([...viewport.centre]);
}

/** Keep the cursor in sight. @param {App} app @param {Point} point */
function follow({ viewport }, point) {
  const [width, height] = viewport.pane;
  const [x, y] = viewport.toScreen(...point);
  const beyond = (/** @type {number} */ at, /** @type {number} */ size) =>
    Math.max(0, MARGIN - at) - Math.max(0, at - (size - MARGIN));
  const [dx, dy] = [beyond(x, width), beyond(y, height)];
  if (dx || dy) viewport.pan(dx, dy);
}

/** @param {App} app @param {boolean} shift */
function press(app, shift) {
  const tool = activeTool(app);
  const point = place(app);
  app.store.set({ cursor: point, pointer: point });
  const twice = lastPress !== null && lastPress[0] === point[0] && lastPress[1] === point[1];
  lastPress = tool.clicks && !twice ? point : null;
  const now = touch(app, point, shift, twice);
  if (pressed) {
    pressed = false;
    tool.up?.(now);
    return say(words.cursor.up);
  }
  const holds = tool.down?.(now) !== false && !tool.clicks;
  if (!holds) return tool.up?.(now);
  pressed = true;
  say(words.cursor.down);
}

/** Forget that the pen is down; false if it was not. */
export function liftCursor() {
  const was = pressed;
  pressed = false;
  lastPress = null;
  return was;
}
