// @ts-check
/** Undo and redo, and three snapshots to store, to show, and to compare by holding. */

import { words } from "./words_of_work.js";
import { button, make } from "../dom.js";
import { problem, say } from "../say.js";
import { section } from "./fields.js";

/**
 * @typedef {import("../types.js").App} App
 * @typedef {import("../types.js").State} State
 */

export const NAMES = ["A", "B", "C"];

/** The pictures that a fit brings. */
const FITTED = ["model", "uncertainty", "weight", "objects"];

/** What a snapshot looked like, as this page saw it. @type {Map<string, Partial<State>>} */
const seen = new Map();
/** The present, while a snapshot is shown. @type {Pick<State, "pictures" | "correction"> | null} */
let held = null;
/** The pictures of the snapshot that is shown. @type {State["pictures"]} */
let theirs = {};
let newest = NAMES[0];

/** @param {App} app @param {"undo" | "redo"} way */
export async function travel({ store, send }, way) {
  if (!store.get().state?.[way]) return say(words.history.nothing[way]);
  try {
    await send({ do: way });
    say(words.history.done[way]);
  } catch (error) {
    problem(/** @type {Error} */ (error));
  }
}

/** @param {App} app @param {string} name */
export async function storeSnapshot({ store, send }, name) {
  try {
    const { pictures, correction } = store.get();
    seen.set(name, { pictures, correction });
    newest = name;
    await send({ do: "snapshot", name });
    say(words.snapshots.stored(name));
  } catch (error) {
    problem(/** @type {Error} */ (error));
  }
}

/** @param {App} app @param {string} name */
export async function showSnapshot({ store, send }, name) {
  if (!store.get().state?.snapshots.includes(name)) return say(words.snapshots.none(name));
  try {
    await send({ do: "restore", name });
    newest = name;
    say(words.snapshots.shown(name));
  } catch (error) {
    problem(/** @type {Error} */ (error));
  }
}

/** Show a snapshot until `endComparison`, without an edit. @param {App} app @param {string} [name] */
export function compare({ store }, name = newest) {
  const look = seen.get(name);
  if (!look) return say(words.snapshots.none(name));
  if (held) return;
  const { pictures, correction } = store.get();
  held = { pictures, correction };
  theirs = Object.fromEntries(
    Object.entries(look.pictures ?? {}).filter(([kind]) => FITTED.includes(kind)),
  );
  store.set({ pictures: { ...pictures, ...theirs }, correction: look.correction });
  say(words.snapshots.comparing(name));
}

/** @param {App} app */
export function endComparison({ store }) {
  if (!held) return;
  // What came from the server meanwhile is newer than what was held.
  const came = Object.entries(store.get().pictures).filter(([kind, picture]) => theirs[kind] !== picture);
  store.set({ pictures: { ...held.pictures, ...Object.fromEntries(came) }, correction: held.correction });
  held = null;
}

/** @param {App} app */
export function history(app) {
  const { undo, redo } = words.history;
  const back = button(undo.label, undo.help, () => void travel(app, "undo"));
  const forth = button(redo.label, redo.help, () => void travel(app, "redo"));
  app.store.on(["state"], ({ state }) => {
    // A disabled button would lose the focus at the last step.
    back.setAttribute("aria-disabled", String(!state?.undo));
    forth.setAttribute("aria-disabled", String(!state?.redo));
    back.title = `${undo.help} ${words.history.steps(state?.undo ?? 0)}`;
    forth.title = `${redo.help} ${words.history.steps(state?.redo ?? 0)}`;
  });
  const rows = NAMES.map((name) => snapshot(app, name));
  return section(words.history.title, "history", make("div", { class: "buttons" }, back, forth),
    make("div", { class: "snapshots" }, ...rows));
}

/** @param {App} app @param {string} name */
function snapshot(app, name) {
  const { store, show, compare: hold } = words.snapshots.buttons(name);
  const keep = button(store.text, store.help, () => void storeSnapshot(app, name));
  const see = button(show.text, show.help, () => void showSnapshot(app, name));
  const peek = button(hold.text, hold.help, () => {});
  const begin = () => compare(app, name);
  const end = () => endComparison(app);
  peek.addEventListener("pointerdown", begin);
  for (const ending of ["pointerup", "pointercancel", "pointerleave", "blur", "keyup"]) {
    peek.addEventListener(ending, end);
  }
  peek.addEventListener("keydown", (event) => {
    if (event.key === " " || event.key === "Enter") begin();
  });
  app.store.on(["state"], ({ state }) => {
    const exists = state?.snapshots.includes(name) ?? false;
    see.setAttribute("aria-disabled", String(!exists));
    peek.setAttribute("aria-disabled", String(!exists || !seen.has(name)));
  });
  return make("div", { class: "snapshot", role: "group", "aria-label": words.snapshots.name(name) },
    make("span", { class: "letter", "aria-hidden": "true" }, name), keep, see, peek);
}
