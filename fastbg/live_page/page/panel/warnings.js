// @ts-check
/** Warnings as a list, and as circles where they belong. */

import { words } from "./words.js";
import { make } from "../dom.js";
import { say, sentence } from "../say.js";
import { section } from "./fields.js";

/**
 * @typedef {import("../types.js").App} App
 * @typedef {import("../types.js").Warning} Warning
 */

const COLOURS = { halo: "#ff6262", dark: "#c792ff", uncertain: "#f2c14e", other: "#cdd4de" };
const LEAST = 14; // CSS pixels of a circle that can still be seen
const ROOM = 5; // radii of a circle that fill the view after a jump

/**
 * A warning's place, or null if it concerns the image as a whole.
 *
 * @param {Warning} warning
 */
export const placeOf = ({ x, y, radius }) =>
  x === undefined || y === undefined || x === null || y === null ? null : { x, y, radius: radius ?? 0 };

/**
 * What the fit warns of, and then what the file does.
 *
 * @param {import("../types.js").State} state
 * @returns {Warning[]}
 */
const allOf = ({ fitted, hello }) => [
  ...(fitted?.warnings ?? []),
  ...(hello?.warnings ?? []).map((text) => ({ text, kind: /** @type {const} */ ("other") })),
];

/** @param {App} app @param {number} index */
export function goTo(app, index) {
  const { store, viewport } = app;
  const warning = allOf(store.get())[index];
  if (!warning) return say(words.warnings.none);
  store.set({ warned: index });
  say(sentence(warning.text));
  const place = placeOf(warning);
  if (!place) return;
  const [width, height] = viewport.pane;
  const close = Math.min(width, height) / (ROOM * 2 * Math.max(place.radius, 20));
  viewport.show(place.x, place.y, Math.max(viewport.scale, Math.min(close, 1 / viewport.density)));
}

/** @param {App} app @param {number} step */
export function nextWarning(app, step) {
  const { warned } = app.store.get();
  const count = allOf(app.store.get()).length;
  goTo(app, count ? (warned + step + count) % count : 0);
}

/** @param {App} app */
export function warnings(app) {
  const list = make("ol", { class: "warning-list" });
  const element = section(words.warnings.title, "warnings", list);
  let told = "";
  app.store.on(["fitted", "hello", "warned"], (state) => {
    const { warned } = state;
    const all = allOf(state);
    element.hidden = !all.length;
    const now = JSON.stringify(all);
    if (now !== told) {
      told = now;
      const focused = [...list.children].findIndex((each) => each.contains(document.activeElement));
      list.replaceChildren(...all.map((warning, index) => entry(app, warning, index)));
      if (focused >= 0) focus(list.children[Math.min(focused, all.length - 1)]);
    }
    [...list.children].forEach((each, index) => each.classList.toggle("chosen", index === warned));
  });
  app.overlay.add({ draw: (context, viewport) => draw(app, context, viewport) });
  app.store.on(["fitted", "warned", "circles"], () => app.overlay.invalidate());
  return element;
}

/** @param {Element | undefined} item */
function focus(item) {
  const within = item?.querySelector("button");
  (within ?? document.getElementById("stage"))?.focus({ preventScroll: true });
}

/** @param {App} app @param {Warning} warning @param {number} index */
function entry(app, warning, index) {
  const hasPlace = placeOf(warning) !== null;
  const text = hasPlace
    ? make("button", { type: "button", title: words.warnings.go, click: () => goTo(app, index) }, sentence(warning.text))
    : make("span", {}, sentence(warning.text));
  const number = make("i", { class: `number ${warning.kind}`, "aria-hidden": "true" }, hasPlace ? String(index + 1) : "!");
  return make("li", {}, number, text);
}

/**
 * @param {App} app
 * @param {CanvasRenderingContext2D} context
 * @param {import("../viewport.js").Viewport} viewport
 */
function draw({ store }, context, viewport) {
  const { fitted, warned, circles } = store.get();
  if (!circles) return;
  fitted?.warnings.forEach((warning, index) => {
    const place = placeOf(warning);
    if (!place) return;
    const [x, y] = viewport.toScreen(place.x, place.y);
    const radius = Math.max(LEAST, place.radius * viewport.scale);
    circle(context, x, y, radius, COLOURS[warning.kind] ?? COLOURS.other, index === warned);
    const at = radius * Math.SQRT1_2;
    const [width, height] = viewport.pane;
    // A number that would lie outside is moved in, unless the circle itself cannot be seen.
    if (x + radius < 0 || y + radius < 0 || x - radius > width || y - radius > height) return;
    const [left, top] = [within(x + at, width), within(y - at, height)];
    label(context, String(index + 1), left, top, COLOURS[warning.kind] ?? COLOURS.other);
  });
}

/** @param {number} at @param {number} size */
const within = (at, size) => Math.min(size - 12, Math.max(12, at));

/**
 * A circle that is seen on bright and on dark.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 * @param {string} colour
 * @param {boolean} strong
 */
function circle(context, x, y, radius, colour, strong) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.setLineDash([]);
  context.lineWidth = strong ? 6 : 4;
  context.strokeStyle = "rgba(9, 11, 16, 0.7)";
  context.stroke();
  context.lineWidth = strong ? 3 : 1.5;
  context.strokeStyle = colour;
  if (!strong) context.setLineDash([7, 4]);
  context.stroke();
  context.setLineDash([]);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 * @param {number} x
 * @param {number} y
 * @param {string} colour
 */
function label(context, text, x, y, colour) {
  context.beginPath();
  context.arc(x, y, 9, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
  context.fillStyle = "#0e1117";
  context.font = "600 11px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, x, y + 0.5);
}
