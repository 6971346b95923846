// @ts-check
/** Every key of the page in one table, which `?` shows. */

import { compare, endComparison, NAMES, showSnapshot, storeSnapshot, travel } from "./panel/history.js";
import { showHelp } from "./panel/help.js";
import { save } from "./panel/saving.js";
import { nextWarning } from "./panel/warnings.js";
import { byId } from "./dom.js";
import { cursorKey, liftCursor } from "./tools/cursor.js";
import { closeMenu } from "./tools/menu.js";
import { activeTool, chooseTool, tools } from "./tools/registry.js";
import { words } from "./tools/words.js";
import { words as told } from "./words_of_keys.js";

/**
 * @typedef {import("./types.js").App} App
 * @typedef {import("./types.js").ViewName} ViewName
 */

/**
 * @typedef {object} Key
 * @property {string} keys  as written on the keyboard, with Ctrl, Alt and Shift before it
 * @property {string} text  what it does
 * @property {string} group
 * @property {(app: App) => void} [press]  none where another module listens
 * @property {(app: App) => void} [release]  of a key that is held
 * @property {boolean} [repeats]
 */

/** @type {ViewName[]} */
const VIEWS = ["original", "corrected", "model", "residual", "sky", "uncertainty"];
const ZOOM = 6 / 5;
const GROWTH = 1.15;
const WAY = 60; // CSS pixels of one step of an arrow key

/** @param {"linked" | "inverted" | "falseColour" | "marks" | "circles"} name */
const turn = (name) => (/** @type {App} */ { store }) => store.set({ [name]: !store.get()[name] });

/** @param {"split" | "side"} layout */
const lay = (layout) => (/** @type {App} */ { store }) =>
  store.set({ layout: store.get().layout === layout ? "single" : layout });

/** @param {number} factor */
const resize = (factor) => (/** @type {App} */ app) => activeTool(app).resize?.(factor);

/** @param {number} dx @param {number} dy */
const pan = (dx, dy) => (/** @type {App} */ { viewport }) => viewport.pan(dx * WAY, dy * WAY);

/** All keys. @returns {Key[]} */
export function table() {
  const { groups, keys } = told;
  const see = (/** @type {string} */ key, /** @type {string} */ text, /** @type {Partial<Key>} */ rest) => ({
    keys: key, text, group: groups.see, ...rest,
  });
  const work = (/** @type {string} */ key, /** @type {string} */ text, /** @type {Partial<Key>} */ rest) => ({
    keys: key, text, group: groups.work, ...rest,
  });
  return [
    see("B", keys.blink, {
      press: ({ store }) => store.set({ blink: true }),
      release: ({ store }) => store.set({ blink: false }),
    }),
    ...VIEWS.map((view, index) =>
      see(String(index + 1), keys.view[view], { press: ({ store }) => store.set({ view }) }),
    ),
    see("S", keys.split, { press: lay("split") }),
    see("D", keys.side, { press: lay("side") }),
    see("I", keys.invert, { press: turn("inverted") }),
    see("L", keys.linked, { press: turn("linked") }),
    see("X", keys.boost, {
      press: ({ store }) => {
        const next = { 1: 2, 2: 4, 4: 1 }[store.get().boost];
        store.set({ boost: /** @type {1 | 2 | 4} */ (next) });
      },
    }),
    see("F", keys.false_colour, { press: turn("falseColour") }),
    see("V", keys.marks, { press: turn("marks") }),
    see("W", keys.circles, { press: turn("circles") }),
    see("J", keys.next_warning, { press: (app) => nextWarning(app, 1), repeats: true }),
    see("Shift+J", keys.last_warning, { press: (app) => nextWarning(app, -1), repeats: true }),
    see("0", keys.fit, { press: ({ viewport }) => viewport.fit() }),
    see("9", keys.one_to_one, { press: ({ viewport }) => viewport.oneToOne() }),
    see("+", keys.zoom_in, { press: ({ viewport }) => viewport.zoomAt(ZOOM), repeats: true }),
    see("-", keys.zoom_out, { press: ({ viewport }) => viewport.zoomAt(1 / ZOOM), repeats: true }),
    see("ArrowLeft", keys.left, { press: pan(1, 0), repeats: true }),
    see("ArrowRight", keys.right, { press: pan(-1, 0), repeats: true }),
    see("ArrowUp", keys.up, { press: pan(0, 1), repeats: true }),
    see("ArrowDown", keys.down, { press: pan(0, -1), repeats: true }),
    ...tools().map(({ name, key }) => ({
      keys: key.toUpperCase(),
      text: `${words.tools[name].label}: ${words.tools[name].help}`,
      group: groups.tools,
      press: (/** @type {App} */ app) => chooseTool(app, name),
    })),
    { keys: "[", text: keys.smaller, group: groups.tools, press: resize(1 / GROWTH), repeats: true },
    { keys: "]", text: keys.larger, group: groups.tools, press: resize(GROWTH), repeats: true },
    { keys: "Enter", text: keys.enter, group: groups.tools },
    { keys: "Escape", text: keys.escape, group: groups.tools, press: giveUp },
    { keys: "Delete", text: keys.delete, group: groups.tools },
    { keys: "PageUp", text: keys.previous_sample, group: groups.tools },
    { keys: "PageDown", text: keys.next_sample, group: groups.tools },
    work("Ctrl+Z", keys.undo, { press: (app) => void travel(app, "undo"), repeats: true }),
    work("Ctrl+Shift+Z", keys.redo, { press: (app) => void travel(app, "redo"), repeats: true }),
    work("Ctrl+Y", keys.redo, { press: (app) => void travel(app, "redo"), repeats: true }),
    ...NAMES.flatMap((name, index) => [
      work(`Shift+${index + 1}`, keys.store(name), { press: (app) => void storeSnapshot(app, name) }),
      work(`Alt+${index + 1}`, keys.show(name), { press: (app) => void showSnapshot(app, name) }),
    ]),
    work("A", keys.compare, { press: (app) => compare(app), release: endComparison }),
    work("Ctrl+S", keys.save, { press: save }),
    work("?", keys.help, { press: () => showHelp(table()) }),
  ];
}

/** Give up what is half done; else go back to the hand. @param {App} app */
function giveUp(app) {
  if (closeMenu()) return;
  const lifted = liftCursor();
  const had = activeTool(app).cancel?.();
  const { cursor } = app.store.get();
  app.store.set({ cursor: null });
  if (!lifted && !had && !cursor) chooseTool(app, "hand");
}

const SIGNS = new Set(["+", "-", "=", "?", "[", "]"]);

/** A key as the table writes it, whatever the layout of the keyboard. @param {KeyboardEvent} event */
function written(event) {
  if (SIGNS.has(event.key)) return event.key;
  // Digits are found by their place: some layouts need Shift for them, others give other signs.
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code)?.[1];
  const key = digit ?? (event.key.length === 1 ? event.key.toUpperCase() : event.key);
  const parts = [
    (event.ctrlKey || event.metaKey) && "Ctrl",
    event.altKey && "Alt",
    event.shiftKey && "Shift",
    key,
  ];
  return parts.filter(Boolean).join("+");
}

const TYPED = "input:not([type=range], [type=checkbox], [type=radio]), textarea, select";
const OWN_ARROWS = "input, select, textarea, [role=slider], [role=toolbar], [role=menu], #panel";

/** Whether a key belongs to the control that has the focus. @param {KeyboardEvent} event */
function belongsElsewhere(event) {
  const target = event.target instanceof Element ? event.target : document.body;
  if (target.closest("dialog, [role=menu]")) return true;
  if (event.ctrlKey || event.metaKey) return target.matches("input[type=text], textarea") && event.key.toLowerCase() !== "s";
  if (target.matches(TYPED)) return event.key !== "Escape";
  if (/^(Arrow|Page)/.test(event.key)) return target.closest(OWN_ARROWS) !== null;
  if (event.key === "Enter" || event.key === "Delete" || event.key === "Backspace") return !isOnImage(target);
  // A radio button or a list jumps to what is typed.
  return target.matches("input[type=radio], select") && event.key.length === 1 && !/[a-z?\[\]\d]/i.test(event.key);
}

/** @param {Element} target */
const isOnImage = (target) => target === byId("stage") || target === document.body;

/** @param {App} app */
export function startKeyboard(app) {
  const keys = new Map(table().map((each) => [each.keys, each]));
  keys.set("=", /** @type {Key} */ (keys.get("+")));
  /** Keys that are down and have an end. @type {Map<string, Key>} */
  const held = new Map();
  window.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || belongsElsewhere(event)) return;
    const target = event.target instanceof Element ? event.target : document.body;
    if (isOnImage(target) && (activeTool(app).key_down?.(event) || cursorKey(app, event))) {
      event.preventDefault();
      return;
    }
    const key = keys.get(written(event));
    if (!key?.press) return;
    event.preventDefault();
    if (event.repeat && !key.repeats) return;
    if (key.release) held.set(event.code, key);
    key.press(app);
  });
  window.addEventListener("keyup", (event) => {
    held.get(event.code)?.release?.(app);
    held.delete(event.code);
  });
  window.addEventListener("blur", () => {
    for (const key of held.values()) key.release?.(app);
    held.clear();
  });
}
