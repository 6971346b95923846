// @ts-check
/** @import { App, State, ViewName } from "./types.js" */
/** @import { Scene } from "./scene.js" */
/** @import { Colour } from "./colours.js" */
import { cssOf, DIVERGING, mapped, MARKS, SEQUENTIAL } from "./colours.js";
import { shownViews } from "./comparison.js";
import { byId, make } from "./dom.js";
import { linearText } from "./numbers.js";
import { SCENE_STATE } from "./scene.js";
import { words } from "./words.js";

/**
 * The key of colours in the corner of the picture, for the view that has colours of its own.
 * @param {App} app @param {(state: State) => Scene | null} sceneOf
 */
export function startLegend({ store }, sceneOf) {
  const room = byId("legend");
  store.on([...SCENE_STATE, "view", "layout", "blink", "falseColour", "marks"], (state) => {
    const scene = sceneOf(state);
    const views = shownViews(state).flat().map(({ view }) => view);
    room.replaceChildren(...(scene ? views.flatMap((view) => scaleOf(state, scene, view)) : []));
    if (scene && (state.marks || views.includes("sky"))) room.append(keyOf());
    room.hidden = !room.childNodes.length;
  });
}

/** @param {State} state @param {Scene} scene @param {ViewName} view @returns {HTMLElement[]} */
function scaleOf({ falseColour }, { ranges }, view) {
  if (view !== "residual" && view !== "uncertainty" && !(view === "model" && falseColour)) return [];
  const { low, high } = ranges[view];
  const [from, to] = [low, high].map((each) => linearText(each, 3));
  const bar = paintedScale(view === "residual" ? DIVERGING : SEQUENTIAL);
  return [make("div", { class: "colours" }, make("span", { class: "colours-name" }, words.legend[view]), make("span", {}, from), bar, make("span", {}, to))];
}

/** @param {Colour[]} stops */
function paintedScale(stops) {
  const canvas = make("canvas", { width: 160, height: 1, "aria-hidden": true });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  for (let x = 0; x < canvas.width; x++) {
    context.fillStyle = cssOf(mapped(stops, x / (canvas.width - 1)));
    context.fillRect(x, 0, 1, 1);
  }
  return canvas;
}

function keyOf() {
  const items = /** @type {(keyof typeof MARKS)[]} */ (Object.keys(MARKS)).map((name) =>
    make("li", {}, make("i", { class: `swatch ${name}`, "aria-hidden": true }), words.marked[name]),
  );
  return make("ul", { class: "key" }, ...items);
}
