// @ts-check
/** Sample points: click to add, drag to move, right button or Delete to remove. */

import { words } from "./words.js";
import { button } from "../dom.js";
import { problem, say } from "../say.js";
import { toggle } from "../panel/fields.js";
import { registerTool } from "./registry.js";

/**
 * @typedef {import("../types.js").App} App
 * @typedef {import("../types.js").Point} Point
 */

const NEAR = 8; // CSS pixels beside a sample's circle that still mean the sample
const GROWTH = 1.15;
const MOVED = 3; // CSS pixels that make a drag out of a click
const ICON = "M5 5h4v4H5zM15 5h4v4h-4zM5 15h4v4H5zM15 15h4v4h-4z";

/**
 * The index of the sample at a point of the image, or -1.
 *
 * @param {App} app
 * @param {Point} point
 */
function sampleAt({ store, viewport }, [x, y]) {
  const samples = store.get().state?.samples ?? [];
  let [nearest, least] = [-1, Infinity];
  samples.forEach((sample, index) => {
    const distance = Math.hypot(sample.x - x, sample.y - y);
    if (distance <= sample.radius + NEAR / viewport.scale && distance < least) {
      [nearest, least] = [index, distance];
    }
  });
  return nearest;
}

/**
 * Change the samples, and tell what failed.
 *
 * @param {App} app
 * @param {Record<string, any>} change
 */
export async function changeSamples(app, change) {
  try {
    await app.send({ do: "samples", ...change });
    if (change.action in words.samples.done) say(words.samples.done[change.action]);
  } catch (error) {
    problem(/** @type {Error} */ (error));
  }
}

/** @param {App} app */
export function addSamples(app) {
  const { store, viewport } = app;
  /** @type {{index: number, from: Point} | null} */
  let held = null;
  const select = (/** @type {number} */ index) => store.set({ selected: index });
  const remove = (/** @type {number} */ sample) => {
    select(-1);
    void changeSamples(app, { action: "delete", sample });
  };
  const resize = (/** @type {number} */ factor) => {
    const { selected, state } = store.get();
    const sample = state?.samples[selected];
    if (!sample) return say(words.samples.select_first);
    const radius = Math.max(1, Math.round(sample.radius * factor));
    const grown = radius === sample.radius ? radius + Math.sign(factor - 1) : radius;
    void changeSamples(app, { action: "resize", sample: selected, radius: Math.max(1, grown) });
  };
  registerTool({
    name: "samples",
    key: "m",
    icon: ICON,
    cursor: "crosshair",
    down({ point, alternate }) {
      const index = sampleAt(app, point);
      if (index >= 0 && !alternate) {
        select(index);
        held = { index, from: point };
        return;
      }
      if (index >= 0) remove(index);
      else if (!alternate) {
        select(store.get().state?.samples.length ?? -1);
        void changeSamples(app, { action: "add", x: point[0], y: point[1] });
      }
      return false;
    },
    move(touches, pressed) {
      const { point } = touches[touches.length - 1];
      if (pressed && held) store.set({ dragged: { sample: held.index, point } });
      else if (!pressed) store.set({ hovered: sampleAt(app, point) + 1 });
    },
    up({ point }) {
      if (!held) return;
      const { index, from } = held;
      held = null;
      const moved = Math.hypot(point[0] - from[0], point[1] - from[1]) * viewport.scale > MOVED;
      if (!moved) return store.set({ dragged: null });
      const done = changeSamples(app, { action: "move", sample: index, x: point[0], y: point[1] });
      void done.finally(() => store.set({ dragged: null }));
    },
    cancel() {
      const had = held !== null || store.get().selected >= 0;
      held = null;
      store.set({ dragged: null, selected: -1 });
      return had;
    },
    key_down(event) {
      const samples = store.get().state?.samples ?? [];
      const { selected } = store.get();
      if ((event.key === "Delete" || event.key === "Backspace") && selected >= 0) {
        remove(selected);
        return true;
      }
      const step = { PageDown: 1, PageUp: -1 }[event.key];
      if (!step || !samples.length) return false;
      const index = (selected + step + samples.length) % samples.length;
      const { x, y } = samples[index];
      store.set({ selected: index, cursor: [x, y] });
      say(words.samples.tell(index, samples[index]));
      return true;
    },
    resize,
    stop: () => store.set({ hovered: 0, selected: -1 }),
    options() {
      const { generate, clear, use, remove: one, smaller, larger } = words.samples;
      const used = toggle({
        label: use.label,
        help: use.help,
        change: (on) => void app.send({ do: "set_samples", use: on }).catch(problem),
      });
      const none = button(clear.label, clear.help, () => void changeSamples(app, { action: "clear" }));
      store.on(["state"], ({ state }) => {
        used.show(state?.use_samples ?? true);
        used.element.hidden = !state?.samples.length;
        // A disabled button would lose the focus.
        none.setAttribute("aria-disabled", String(!state?.samples.length));
      });
      const all = () => void changeSamples(app, { action: "generate" });
      const chosen = [
        button(one.label, one.help, () => store.get().selected >= 0 && remove(store.get().selected)),
        button(smaller.label, smaller.help, () => resize(1 / GROWTH), { "aria-label": smaller.help }),
        button(larger.label, larger.help, () => resize(GROWTH), { "aria-label": larger.help }),
      ];
      store.on(["selected"], ({ selected }) => {
        for (const each of chosen) each.setAttribute("aria-disabled", String(selected < 0));
      });
      return [button(generate.label, generate.help, all), none, used.element, ...chosen];
    },
  });
}
