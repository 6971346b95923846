// @ts-check
/** All keys in a dialog. */

import { button, make } from "../dom.js";
import { words } from "../words_of_keys.js";

/** @typedef {import("../keyboard.js").Key} Key */

/** @type {HTMLDialogElement | null} */
let dialog = null;

/** @param {Key[]} keys */
export function showHelp(keys) {
  dialog ??= build(keys);
  if (!dialog.open) dialog.showModal();
}

/** @param {Key[]} keys */
function build(keys) {
  const groups = [...new Set(keys.map(({ group }) => group))];
  const tables = groups.map((group) => {
    const rows = keys
      .filter((each) => each.group === group)
      .map(({ keys: written, text }) => make("tr", {}, make("th", { scope: "row" }, ...caps(written)), make("td", {}, text)));
    return make("table", {}, make("caption", {}, group), make("tbody", {}, ...rows));
  });
  const made = make("dialog", { id: "help", "aria-labelledby": "help-title" },
    make("header", {}, make("h2", { id: "help-title" }, words.title),
      button(words.close, words.close_help, () => made.close())),
    make("p", { class: "note" }, words.about), make("div", { class: "tables" }, ...tables));
  made.addEventListener("click", (event) => event.target === made && made.close());
  made.addEventListener("keydown", (event) => event.key === "?" && made.close());
  document.body.append(made);
  return made;
}

/** @param {string} written */
function caps(written) {
  const parts = written.length > 1 ? written.split("+") : [written];
  return parts.map((part) => make("kbd", {}, words.caps[part] ?? part));
}
