// @ts-check
/** Strength, mode and pedestal: they act in the page at once, for the fit does not depend on them. */

import { assign, make } from "../dom.js";
import { words as toolWords } from "../tools/words.js";
import { words } from "./words.js";
import { problem } from "../say.js";
import { knob, settingsSender, withReset } from "./knobs.js";
import { list, numberField } from "./fields.js";
import { mediansOf } from "./medians.js";

/**
 * @typedef {import("../types.js").App} App
 * @typedef {import("../types.js").Correction} Correction
 */

/**
 * The levels that a pedestal puts back, or null where only the server knows.
 *
 * @param {string | number} pedestal
 * @param {Correction["mode"]} mode
 * @param {number[]} medians  of the model, one a channel
 */
export function levelsOf(pedestal, mode, medians) {
  if (typeof pedestal === "number") return medians.map(() => pedestal);
  if (pedestal === "model-median") return medians;
  if (pedestal === "none") return medians.map(() => (mode === "subtract" ? 0 : 1));
  const mean = medians.reduce((sum, each) => sum + each, 0) / medians.length;
  return pedestal === "neutral" ? medians.map(() => mean) : null;
}

/**
 * @param {App} app
 * @returns {(HTMLElement | null)[]}
 */
export function correctionKnobs(app) {
  const { store } = app;
  const preview = (/** @type {Partial<Correction>} */ partial) => {
    const { correction } = store.get();
    if (correction) store.set({ correction: { ...correction, ...partial } });
  };
  // What was chosen last, which the server may not have answered yet.
  /** @type {string | number} */
  let chosen = "model-median";
  store.on(["state"], ({ state }) => (chosen = state?.settings.pedestal?.value ?? chosen));
  const previewPedestal = (/** @type {string | number} */ pedestal, /** @type {Correction["mode"]} */ mode) => {
    chosen = pedestal;
    const { model } = store.get().pictures;
    const level = model ? levelsOf(pedestal, mode, mediansOf(model)) : null;
    preview(level ? { mode, level, divisor: 1 } : { mode });
  };
  return [
    knob(app, "strength", { preview: (strength) => preview({ strength }), shown: 100, live: false }),
    knob(app, "mode", { preview: (mode) => previewPedestal(chosen, mode) }),
    pedestal(app, (value) => previewPedestal(value, store.get().correction?.mode ?? "subtract")),
  ];
}

/**
 * The pedestal is one of some policies, or a level as a number.
 *
 * @param {App} app
 * @param {(value: string | number) => void} preview
 */
function pedestal(app, preview) {
  const setting = app.store.get().hello?.settings.pedestal;
  if (!setting) return null;
  const send = settingsSender(app);
  const names = words.values.pedestal;
  const policies = (setting.choices ?? Object.keys(names)).filter((each) => typeof each === "string");
  const change = (/** @type {string | number} */ value, /** @type {boolean} */ more) => {
    preview(value);
    if (!more) send({ pedestal: value }, false);
  };
  const policy = list({
    label: words.label("pedestal"),
    help: words.help.pedestal,
    values: [...policies.filter((each) => each !== "number"), "number"],
    names,
    change: (value) => {
      assign(level.element, { hidden: value !== "number" });
      if (value !== "number") change(value, false);
      else change(app.store.get().correction?.level[0] ?? 0, false);
    },
  });
  const level = numberField({
    label: words.pedestal_level,
    help: words.pedestal_level_help,
    minimum: 0,
    maximum: 1,
    change,
  });
  const field = {
    element: make("div", { class: "pair" }, policy.element, level.element),
    show: (/** @type {string | number} */ value) => {
      const isNumber = typeof value === "number";
      policy.show(isNumber ? "number" : value);
      assign(level.element, { hidden: !isNumber });
      if (isNumber) level.show(value);
    },
    enable: (/** @type {boolean} */ on) => [policy, level].forEach((each) => each.enable(on)),
  };
  return withReset(app, "pedestal", field);
}

const borderWords = toolWords.borders;

/**
 * The border in pixels of each side, and none at all.
 *
 * @param {App} app
 * @param {(border: [number, number, number, number]) => Promise<void>} change
 */
export function borderFields(app, change) {
  if (!app.store.get().hello?.settings.border) return null;
  const { width = 1, height = 1 } = app.store.get().hello?.image ?? {};
  const inputs = borderWords.sides.map((side, index) =>
    make("input", {
      type: "number", min: 0, max: (index % 2 ? height : width) - 1, step: 1,
      "aria-label": borderWords.side(side), title: borderWords.side(side),
      change: () => {
        const border = inputs.map((input) => Math.max(0, Math.round(Number(input.value) || 0)));
        change(/** @type {[number, number, number, number]} */ (border)).catch(problem);
      },
    }),
  );
  app.store.on(["state", "border"], ({ state, border }) => {
    const now = border ?? state?.border ?? [0, 0, 0, 0];
    inputs.forEach((input, index) => (input.value = String(now[index])));
  });
  const sides = inputs.map((input, index) => make("label", {}, input, make("span", {}, borderWords.sides[index])));
  const element = make("fieldset", { class: "field border" },
    make("legend", { title: words.help.border }, words.label("border")), make("div", { class: "sides" }, ...sides));
  return withReset(app, "border", { element, show: () => {}, enable: () => {} });
}
