// @ts-check
/** How stiff the surface is: the candidates that fastbg compared, and the one that it chose. */

import { words } from "./words.js";
import { assign, make, write } from "../dom.js";
import { settingsSender, withReset } from "./knobs.js";

/** @typedef {import("../types.js").App} App */

/**
 * @param {App} app
 * @returns {HTMLElement | null}
 */
export function flexibility(app) {
  if (!app.store.get().hello?.settings.flexibility) return null;
  const send = settingsSender(app);
  const { label, help, stiff, loose } = words.flexibility;
  const slider = make("input", {
    type: "range", id: "flexibility", min: 0, max: 0, step: 1, title: help,
    "aria-describedby": "flexibility-said",
  });
  const marks = make("div", { class: "marks", "aria-hidden": "true" });
  const said = make("p", { class: "said", id: "flexibility-said" });
  /** @type {any[]} */
  let candidates = [];
  let automatic = 0;
  const tell = (/** @type {number} */ index) => {
    const one = candidates[index];
    if (!one) return;
    write(said, words.flexibility.tell(one, candidates.length, one.number === automatic));
    slider.setAttribute("aria-valuetext", said.textContent ?? "");
  };
  const change = (/** @type {boolean} */ more) => {
    const index = Number(slider.value);
    tell(index);
    if (candidates[index]) send({ flexibility: candidates[index].number }, more);
  };
  let sliding = false;
  slider.addEventListener("input", () => {
    sliding = true;
    change(true);
  });
  slider.addEventListener("change", () => {
    sliding = false;
    change(false);
  });
  const element = make("div", { class: "field flexibility" },
    make("label", { for: "flexibility", title: help }, label),
    make("div", { class: "range" }, make("span", {}, stiff), make("div", {}, slider, marks), make("span", {}, loose)), said);

  app.store.on(["fitted"], ({ fitted }) => {
    const told = fitted?.flexibility;
    element.hidden = !told?.candidates.length;
    if (!told || element.hidden) return;
    ({ candidates, automatic } = told);
    assign(slider, { max: candidates.length - 1 });
    marks.replaceChildren(...candidates.map(({ number, tried }, index) => {
      const mark = make("i", { class: number === automatic ? "own" : tried ? "" : "untried" });
      mark.style.setProperty("--part", String(index / Math.max(1, candidates.length - 1)));
      return mark;
    }));
    if (sliding) return;
    const index = candidates.findIndex(({ number }) => number === told.chosen);
    slider.value = String(Math.max(0, index));
    tell(index);
  });
  const field = {
    element,
    show: () => {},
    enable: (/** @type {boolean} */ on) => assign(slider, { disabled: !on }),
  };
  return withReset(app, "flexibility", field);
}
