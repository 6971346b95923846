// @ts-check
/** Saving with progress and cancel, the command line that repeats it, and what a host gets back. */

import { words } from "./words_of_work.js";
import { button, make } from "../dom.js";
import { problem, say } from "../say.js";
import { choice, fold, section, toggle } from "./fields.js";
import { jobs, runJob } from "./jobs.js";
import { following } from "./knobs.js";

/** @typedef {import("../types.js").App} App */

const PARTS = /** @type {const} */ (["corrected", "model", "report", "mask", "preset", "preview"]);
const CHOSEN = new Set(["corrected", "model"]);
const EXPORTS = ["not_sky.png", "sky.png", "not_sky.geojson", "sky.geojson", "samples.csv", "preset.toml"];

/** @type {() => void} */
let saveNow = () => {};

/** Save with what is chosen in the panel: what the key does. */
export const save = () => saveNow();

/**
 * Copy a text, or select it where the browser does not allow that.
 *
 * @param {HTMLTextAreaElement} area
 */
async function copy(area) {
  try {
    await navigator.clipboard.writeText(area.value);
    say(words.saving.copied);
  } catch {
    area.focus();
    area.select();
    say(words.saving.select);
  }
}

/** @param {App} app */
export function saving(app) {
  const wanted = new Map(PARTS.map((part) => [part, CHOSEN.has(part)]));
  let suffix = "";
  let overwrite = false;
  const parts = PARTS.map((part) => {
    const field = toggle({ ...words.saving.parts[part], change: (on) => void wanted.set(part, on) });
    field.show(CHOSEN.has(part));
    return field.element;
  });
  const format = choice({
    ...words.saving.format,
    values: ["", ".xisf", ".fits", ".tif"],
    names: words.saving.formats,
    change: (value) => (suffix = value),
  });
  format.show("");
  const over = toggle({ ...words.saving.overwrite, change: (on) => (overwrite = on) });
  const outputs = make("div", { class: "outputs" });
  saveNow = async () => {
    if (![...wanted.values()].includes(true)) return say(words.saving.nothing);
    say(words.saving.begins);
    const asked = { do: "save", ...Object.fromEntries(wanted), suffix: suffix || null, overwrite };
    try {
      showOutputs(outputs, await runJob(app, asked));
    } catch (error) {
      say(words.saving.none);
      problem(/** @type {Error} */ (error));
    }
  };
  const go = words.saving.save;
  return section(words.saving.title, "saving",
    make("div", { class: "parts" }, ...parts), format.element, over.element,
    make("div", { class: "buttons" }, button(go.label, go.help, save, { class: "main" }), sendBack(app)),
    following(app, ["state"], ({ state }) => (state?.unsaved ? words.saving.unsaved : "")),
    jobs(app), outputs, commandLine(app, () => overwrite), exportFold(app, () => overwrite), batch(app));
}

/**
 * @param {HTMLElement} element
 * @param {import("../types.js").Message} answer
 */
function showOutputs(element, { outputs = {}, failed = {}, command = "" }) {
  const line = (/** @type {[string, any]} */ [what, told]) =>
    make("li", {}, make("span", { class: "what" }, words.saving.output(what)), " ", make("code", {}, String(told)));
  const failures = Object.keys(failed).length;
  const head = failures
    ? make("p", { class: "bad" }, words.saving.failed(failures))
    : make("p", { class: "good" }, words.saving.saved);
  const lines = [...Object.entries(failed), ...Object.entries(outputs)].map(line);
  element.replaceChildren(head, make("ul", {}, ...lines));
  if (command) element.append(commandBox(command));
  say(head.textContent ?? "");
}

/** @param {string} command */
function commandBox(command) {
  const area = make("textarea", {
    readonly: true, rows: 4, spellcheck: "false", "aria-label": words.saving.command.area,
  });
  area.value = command;
  const { copy: label, copy_help: help } = words.saving.command;
  return make("div", { class: "command" }, area, button(label, help, () => void copy(area)));
}

/** @param {App} app @param {() => boolean} overwrite */
function commandLine(app, overwrite) {
  const { label, help } = words.saving.command;
  const box = make("div");
  const ask = async () => {
    try {
      const { text } = await runJob(app, { do: "command", overwrite: overwrite() });
      box.replaceChildren(commandBox(text));
      const area = box.querySelector("textarea");
      if (area) await copy(area);
    } catch (error) {
      problem(/** @type {Error} */ (error));
    }
  };
  return make("div", { class: "command-line" }, button(label, help, () => void ask()), box);
}

/** The button of a host; none where no host waits. @param {App} app */
function sendBack(app) {
  if (!app.store.get().hello?.host) return null;
  const { label, help, done } = words.saving.send_back;
  const press = () => void runJob(app, { do: "send_back" }).then(() => say(done), problem);
  return button(label, help, press, { class: "main" });
}

/** @param {App} app @param {() => boolean} overwrite */
function exportFold(app, overwrite) {
  const { title, help } = words.saving.exports;
  const kept = make("p", { class: "note" });
  const buttons = EXPORTS.map((what) => {
    const about = words.saving.exports.what[what];
    const press = async () => {
      try {
        const { outputs = {} } = await runJob(app, { do: "export", what, overwrite: overwrite() });
        kept.textContent = words.saving.exports.kept(Object.values(outputs).join(", "));
        say(kept.textContent);
      } catch (error) {
        problem(/** @type {Error} */ (error));
      }
    };
    return button(about.label, about.help, () => void press());
  });
  return fold(title, help, make("div", { class: "buttons grid" }, ...buttons), kept);
}

/** The same settings for a whole folder. @param {App} app */
function batch(app) {
  const { title, help, folder, run } = words.saving.batch;
  let overwrite = false;
  const id = "batch-folder";
  const name = make("input", { type: "text", id, title: folder.help, autocomplete: "off", spellcheck: "false", placeholder: folder.hint });
  const over = toggle({ ...words.saving.overwrite, change: (on) => (overwrite = on) });
  const outputs = make("div", { class: "outputs" });
  const start = async () => {
    say(words.saving.begins);
    try {
      showOutputs(outputs, await runJob(app, { do: "batch", folder: name.value.trim(), overwrite }));
    } catch (error) {
      problem(/** @type {Error} */ (error));
    }
  };
  const form = make("form", {
    submit: (/** @type {Event} */ event) => {
      event.preventDefault();
      void start();
    },
  }, make("label", { for: id }, folder.label), name, over.element,
  make("button", { type: "submit", title: run.help }, run.label), outputs);
  return fold(title, help, form);
}
