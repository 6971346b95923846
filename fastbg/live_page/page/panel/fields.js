// @ts-check
/** Controls with a label: a number with a slider, one of some choices, on or off. */

import { assign, make, write as writeText } from "../dom.js";

/**
 * A control that shows a value, and tells when the user changes it.
 *
 * @template T
 * @typedef {{element: HTMLElement, show: (value: T) => void, enable: (on: boolean) => void}} Field
 */

/**
 * @template T
 * @typedef {object} Plain
 * @property {string} label
 * @property {string} help  what it does, and its key
 * @property {(value: T, more: boolean) => void} change  `more` while a slider still moves
 */

/**
 * @typedef {object} Range
 * @property {number} minimum
 * @property {number} maximum
 * @property {number} [step]  1 for whole numbers
 * @property {string} [unit]
 * @property {boolean} [logarithmic]
 * @property {number} [shown]  what one unit is shown as: 100 for per cent
 */

const STEPS = 1000;
let made = 0;

/** @param {string} [start] */
const newId = (start = "field") => `${start}-${(made += 1)}`;

/**
 * A number: a slider between its limits, and a field to type it.
 *
 * @param {Plain<number> & Range} about
 * @returns {Field<number | "auto">}
 */
export function numberField({ label, help, change, ...range }) {
  const { minimum, maximum, step, unit = "", logarithmic = false, shown = 1 } = range;
  const low = Math.max(minimum, maximum / 10_000);
  const toSlider = (/** @type {number} */ value) =>
    logarithmic
      ? (STEPS * Math.log(Math.max(value, low) / low)) / Math.log(maximum / low)
      : (STEPS * (value - minimum)) / (maximum - minimum || 1);
  const rounded = (/** @type {number} */ value) =>
    step ? Math.round(value / step) * step : Number(value.toPrecision(3));
  const fromSlider = (/** @type {number} */ at) => {
    const value = logarithmic
      ? low * (maximum / low) ** (at / STEPS)
      : minimum + ((maximum - minimum) * at) / STEPS;
    return at <= 0 ? minimum : rounded(value);
  };
  const id = newId();
  const text = { title: help, "aria-describedby": `${id}-help` };
  const number = make("input", {
    type: "number", id, ...text, min: minimum * shown, max: maximum * shown,
    step: step ? step * shown : "any", inputmode: "decimal",
  });
  const slider = make("input", {
    type: "range", min: 0, max: STEPS, step: 1, "aria-label": label, ...text,
  });
  let isSliding = false;
  const tell = (/** @type {number} */ value, /** @type {boolean} */ more) => {
    isSliding = more;
    write(value);
    change(value, more);
  };
  slider.addEventListener("input", () => tell(fromSlider(Number(slider.value)), true));
  slider.addEventListener("change", () => tell(fromSlider(Number(slider.value)), false));
  slider.addEventListener("keydown", (event) => {
    // One thousandth of the range is less than one step of a whole number.
    const way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!step || !way) return;
    event.preventDefault();
    const value = Number(number.value) / shown + way * step;
    tell(Math.min(maximum, Math.max(minimum, value)), false);
  });
  number.addEventListener("change", () => {
    const value = Number(number.value) / shown;
    if (number.value === "" || Number.isNaN(value)) return write(last);
    tell(Math.min(maximum, Math.max(minimum, step ? rounded(value) : value)), false);
  });
  let last = minimum;
  /** @param {number | "auto"} value */
  function write(value) {
    if (typeof value !== "number") {
      // fastbg decides, and tells no number.
      number.value = "";
      number.placeholder = value;
      slider.setAttribute("aria-valuetext", value);
      return;
    }
    last = value;
    slider.value = String(toSlider(value));
    const written = String(Number((value * shown).toPrecision(6)));
    slider.setAttribute("aria-valuetext", `${written} ${unit}`.trim());
    if (document.activeElement !== number || Number(number.value) !== value * shown) number.value = written;
  }
  const element = make("div", { class: "field number" },
    make("label", { for: id, title: help }, label),
    slider,
    make("span", { class: "entry" }, number, make("span", { class: "unit" }, unit)),
    make("span", { id: `${id}-help`, class: "for-readers" }, help),
  );
  return {
    element,
    // What the server tells while a slider is held is older than what is held.
    show: (value) => isSliding || write(value),
    enable: (on) => [number, slider].forEach((each) => assign(each, { disabled: !on })),
  };
}

/**
 * One of a few values, all of them in sight.
 *
 * @param {Plain<string> & {values: readonly string[], names: Record<string, string | {text: string, help: string}>}} about
 * @returns {Field<string>}
 */
export function choice({ label, help, values, names, change }) {
  const name = newId("choice");
  const radios = values.map((value) =>
    make("input", { type: "radio", name, value, change: () => change(value, false) }),
  );
  const labels = values.map((value, index) => {
    const own = names[value] ?? value;
    const [text, title] = typeof own === "string" ? [own, help] : [own.text, own.help];
    return make("label", { title }, radios[index], make("span", {}, text));
  });
  const element = make("fieldset", { class: "field choose" },
    make("legend", { title: help }, label), make("div", { class: "segments" }, ...labels));
  return {
    element,
    show: (value) => radios.forEach((radio) => (radio.checked = radio.value === String(value))),
    enable: (on) => radios.forEach((radio) => assign(radio, { disabled: !on })),
  };
}

/**
 * One of many values, in a list that opens.
 *
 * @param {Plain<string> & {values: readonly string[], names: Record<string, string>}} about
 * @returns {Field<string>}
 */
export function list({ label, help, values, names, change }) {
  const id = newId();
  const options = values.map((value) => make("option", { value }, names[value] ?? value));
  const select = make("select", { id, title: help, change: () => change(select.value, false) }, ...options);
  const element = make("div", { class: "field list" }, make("label", { for: id, title: help }, label), select);
  return {
    element,
    show: (value) => (select.value = String(value)),
    enable: (on) => assign(select, { disabled: !on }),
  };
}

/**
 * On or off.
 *
 * @param {Plain<boolean>} about
 * @returns {Field<boolean>}
 */
export function toggle({ label, help, change }) {
  const box = make("input", { type: "checkbox", change: () => change(box.checked, false) });
  const element = make("label", { class: "field toggle", title: help }, box, make("span", {}, label));
  return {
    element,
    show: (value) => (box.checked = value),
    enable: (on) => assign(box, { disabled: !on }),
  };
}

/**
 * A part of the panel with a heading.
 *
 * @param {string} title
 * @param {string} name  its class
 * @param {...(Node | null)} children
 */
export function section(title, name, ...children) {
  const id = newId("section");
  return make("section", { class: name, "aria-labelledby": id }, make("h2", { id }, title), ...children);
}

/**
 * A part that is folded until it is asked for.
 *
 * @param {string} title
 * @param {string} help
 * @param {...(Node | null)} children
 */
export function fold(title, help, ...children) {
  return make("details", { class: "fold" }, make("summary", { title: help }, title),
    help ? make("p", { class: "note" }, help) : null, ...children);
}

/**
 * A paragraph whose text is written later.
 *
 * @param {string} name  its class
 */
export function paragraph(name) {
  const element = make("p", { class: name });
  return { element, write: (/** @type {string} */ text) => writeText(element, text) };
}
