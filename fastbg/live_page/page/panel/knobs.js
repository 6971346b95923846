// @ts-check
/** Settings as controls: the values and limits are those that the server tells. */

import { words } from "./words.js";
import { button, make, write } from "../dom.js";
import { problem } from "../say.js";
import { choice, list, numberField, toggle } from "./fields.js";

/**
 * @typedef {import("../types.js").App} App
 * @typedef {import("../types.js").Setting} Setting
 */

/**
 * @typedef {object} Own  what a control does besides changing its setting
 * @property {(value: any) => void} [preview]  shows a value before the server has answered
 * @property {number} [shown]  what one unit is shown as
 * @property {boolean} [live]  the fit follows while the slider moves
 * @property {(state: import("../types.js").State) => boolean} [matters]  whether it has an effect now
 */

const FEW = 4;

/**
 * Show again what the server has told, after it has refused a change.
 *
 * @param {App} app
 */
function showTold({ store }) {
  const { state, fitted, correction } = store.get();
  const told = fitted && { level: fitted.level, strength: fitted.strength, mode: fitted.mode };
  store.set({ state: state && { ...state }, correction: correction && { ...correction, ...told } });
}

/**
 * Change settings; the newest of values that come while a message is underway wins.
 *
 * @param {App} app
 */
export function settingsSender(app) {
  let underway = false;
  /** @type {Record<string, any> | null} */
  let waiting = null;
  const send = async (/** @type {Record<string, any>} */ message) => {
    if (underway) {
      waiting = message;
      return;
    }
    underway = true;
    await app.send(message).catch((error) => {
      problem(error);
      showTold(app);
    });
    underway = false;
    const next = waiting;
    waiting = null;
    if (next) void send(next);
  };
  return (/** @type {Record<string, any>} */ settings, /** @type {boolean} */ more) =>
    void send({ do: "set", settings, ...(more && { more }) });
}

/**
 * Leave settings to fastbg again.
 *
 * @param {App} app
 * @param {string[]} names
 */
export const reset = (app, ...names) => void app.send({ do: "reset", names }).catch(problem);

/**
 * The control of a setting, with "back to automatic"; null if the server has no such setting.
 *
 * @param {App} app
 * @param {string} name
 * @param {Own} [own]
 * @returns {HTMLElement | null}
 */
export function knob(app, name, own = {}) {
  const setting = app.store.get().hello?.settings[name];
  if (!setting) return null;
  const field = fieldOf(app, name, setting, own);
  if (!field) return null;
  const { matters } = own;
  if (matters) app.store.on(["state"], (state) => (field.element.hidden = !matters(state)));
  return withReset(app, name, field);
}

/**
 * A control, and a button that gives the setting back to fastbg.
 *
 * @param {App} app
 * @param {string} name
 * @param {import("./fields.js").Field<any>} field
 */
export function withReset(app, name, field) {
  const label = words.label(name);
  const back = button(words.automatic.back, words.automatic.back_help(label), () => reset(app, name), {
    class: "back",
    "aria-label": words.automatic.back_help(label),
  });
  const mark = make("span", { class: "automatic", title: words.automatic.is_help }, words.automatic.is);
  const element = make("div", { class: "knob", "data-setting": name }, field.element,
    make("div", { class: "origin" }, mark, back));
  app.store.on(["state", "hello"], ({ state, hello }) => {
    const now = (state ?? hello)?.settings[name];
    if (!now) return;
    const hadFocus = document.activeElement === back;
    field.show(now.value);
    back.hidden = now.automatic;
    mark.hidden = !now.automatic;
    if (hadFocus && back.hidden) focusFirst(field.element);
  });
  return element;
}

/** @param {HTMLElement} element */
function focusFirst(element) {
  const first = element.querySelector("input:checked, input, select, button");
  if (first instanceof HTMLElement) first.focus();
}

/**
 * The kind of control that suits a setting.
 *
 * @param {App} app
 * @param {string} name
 * @param {Setting} setting
 * @param {Own} own
 * @returns {import("./fields.js").Field<any> | null}
 */
function fieldOf(app, name, setting, { preview, shown, live = true }) {
  const send = settingsSender(app);
  const change = (/** @type {any} */ value, /** @type {boolean} */ more) => {
    preview?.(value);
    if (!more || live) send({ [name]: value }, more);
  };
  const label = words.label(name);
  const help = words.help[name] ?? setting.help ?? "";
  const { choices, minimum, maximum, value } = setting;
  if (choices) return ofChoices({ label, help, choices, names: words.values[name] ?? {}, change });
  if (typeof value === "boolean") return toggle({ label, help, change });
  if (minimum === undefined || maximum === undefined) return null;
  const step = words.whole.has(name) ? 1 : undefined;
  const unit = words.units[name] ?? "";
  const logarithmic = !shown && minimum >= 0 && maximum > 1000;
  return numberField({ label, help, change, minimum, maximum, step, unit, shown, logarithmic });
}

/**
 * A control of choices that need not be texts: what is sent is the choice itself.
 *
 * @param {{label: string, help: string, choices: any[], names: Record<string, any>, change: (value: any, more: boolean) => void}} about
 * @returns {import("./fields.js").Field<any>}
 */
function ofChoices({ label, help, choices, names, change }) {
  const values = choices.map(String);
  const send = (/** @type {string} */ text) => change(choices[values.indexOf(text)], false);
  const about = { label, help, values, names, change: send };
  return values.length <= FEW ? choice(about) : list(about);
}

/**
 * Text that follows what the server tells.
 *
 * @param {App} app
 * @param {(keyof import("../types.js").State)[]} names
 * @param {(state: import("../types.js").State) => string} text
 * @param {string} [className]
 */
export function following(app, names, text, className = "note") {
  const element = make("p", { class: className });
  app.store.on(names, (state) => {
    write(element, text(state));
    element.hidden = !element.textContent;
  });
  return element;
}
