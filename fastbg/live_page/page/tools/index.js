// @ts-check
/** The tools: their buttons on the left, and what they do on the image. */

import { byId, icon, make, write } from "../dom.js";
import { table } from "../keyboard.js";
import { showHelp } from "../panel/help.js";
import { travel } from "../panel/history.js";
import { words as work } from "../panel/words_of_work.js";
import { say } from "../say.js";
import { addBorders } from "./borders.js";
import { addBrush } from "./brush.js";
import { startDrawing } from "./drawing.js";
import { addObjects } from "./objects.js";
import { Painted } from "./painted.js";
import { listen } from "./pointer.js";
import { activeTool, chooseTool, registerTool, tools } from "./registry.js";
import { addSamples } from "./samples.js";
import { addBox, addPolygon } from "./shapes.js";
import { words } from "./words.js";

/** @typedef {import("../types.js").App} App */

const HAND = "M8 13V6a1.500 1.500 0 0 1 3 0v5-7a1.500 1.500 0 0 1 3 0v7-5a1.500 1.500 0 0 1 3 0v7c0 5-2 8-6 8-3 0-4.500-1.500-6-4l-2-4c1-1 2-1 3 0z";

const UNDO = "M9 6L5 10l4 4M5 10h9a5 5 0 0 1 0 10h-3";
const REDO = "M15 6l4 4-4 4M19 10h-9a5 5 0 0 0 0 10h3";
const KEYS = "M9 9a3 3 0 1 1 4.500 2.600c-1 .6-1.500 1.200-1.500 2.400M12 17.500v.1M12 3a9 9 0 1 0 .01 0z";

/** Where the bar of buttons lies below the image, as in style.css. */
const narrow = matchMedia("(max-width: 900px)");

/** Tools after which the bar of buttons has a gap. */
const GROUP_ENDS = new Set(["hand", "erase", "ellipse", "borders"]);

/** @param {App} app */
export function startTools(app) {
  const painted = new Painted();
  registerTool({ name: "hand", key: "h", icon: HAND, cursor: "" });
  addBrush(app, painted, "not_sky", "n");
  addBrush(app, painted, "sky", "k");
  addBrush(app, painted, "erase", "e");
  addPolygon(app, painted, "p");
  addBox(app, painted, "rectangle", "r");
  addBox(app, painted, "ellipse", "o");
  addObjects(app, painted);
  addSamples(app);
  addBorders(app);
  toolbar(app);
  followLayers(app, painted);
  startDrawing(app, painted);
  options(app);
  listen(app, byId("stage"));
}

/** Take over the painted layers that come from the server. @param {App} app @param {Painted} painted */
function followLayers(app, painted) {
  /** @type {Record<string, unknown>} */
  const taken = {};
  app.store.on(["pictures"], ({ pictures }) => {
    for (const layer of /** @type {const} */ (["not_sky", "sky"])) {
      const picture = pictures[layer];
      if (!picture || taken[layer] === picture) continue;
      taken[layer] = picture;
      painted.receive(layer, picture);
    }
  });
}

/** Buttons, of which one is reached by Tab and the others by arrows. @param {App} app */
function toolbar(app) {
  const bar = byId("tools");
  const own = tools().map((tool) => toolButton(app, tool));
  const { undo, redo } = work.history;
  const back = iconButton(UNDO, undo, () => void travel(app, "undo"));
  const forth = iconButton(REDO, redo, () => void travel(app, "redo"));
  const help = iconButton(KEYS, words.keys, () => showHelp(table()));
  const buttons = [...own, back, forth, help];
  bar.append(...own, make("div", { class: "actions" }, back, forth, help));
  bar.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    const to = { Home: 0, End: buttons.length - 1 }[event.key] ?? (step ? at + step : -1);
    if (at < 0 || (!step && to < 0)) return;
    event.preventDefault();
    event.stopPropagation();
    buttons[(to + buttons.length) % buttons.length].focus();
  });
  bar.addEventListener("focusin", ({ target }) => {
    for (const button of buttons) button.tabIndex = button === target ? 0 : -1;
  });
  const turn = () => bar.setAttribute("aria-orientation", narrow.matches ? "horizontal" : "vertical");
  narrow.addEventListener("change", turn);
  turn();
  app.store.on(["state"], ({ state }) => {
    back.setAttribute("aria-disabled", String(!state?.undo));
    forth.setAttribute("aria-disabled", String(!state?.redo));
  });
  app.store.on(["tool"], ({ tool }) => {
    const within = bar.contains(document.activeElement);
    for (const button of own) {
      const isUsed = button.dataset.tool === tool;
      button.setAttribute("aria-pressed", String(isUsed));
      if (!within) button.tabIndex = isUsed ? 0 : -1;
      if (isUsed) button.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    byId("stage").style.cursor = activeTool(app).cursor;
    if (tool !== "hand" || byId("status").textContent) say(`${words.tools[tool].label}: ${words.tools[tool].how}`);
  });
}

/** @param {App} app @param {import("./tool.js").Tool} tool */
function toolButton(app, { name, key, icon: path }) {
  const { label } = words.tools[name];
  return make("button", {
    type: "button", "data-tool": name, title: words.tool_help(name, key), tabindex: -1,
    "aria-keyshortcuts": key.toUpperCase(), class: GROUP_ENDS.has(name) ? "group-end" : "",
    click: () => chooseTool(app, name),
  }, icon(path), make("span", {}, label), make("kbd", { "aria-hidden": "true" }, key.toUpperCase()));
}

/** @param {string} path @param {{label: string, help: string}} about @param {() => void} press */
function iconButton(path, { label, help }, press) {
  return make("button", { type: "button", title: help, "aria-label": label, tabindex: -1, click: press }, icon(path));
}

/** The options of the tool in use, in a row that is there from the start. @param {App} app */
function options(app) {
  const name = make("strong");
  const how = make("span", { class: "how" });
  const box = make("div", { id: "options", role: "group", "aria-label": words.options },
    make("div", { class: "title" }, name, how));
  byId("stage").after(box);
  /** @type {HTMLElement[]} */
  let groups = [];
  app.store.on(["tool", "hello"], ({ tool, hello }) => {
    write(name, words.tools[tool].label);
    write(how, words.tools[tool].how);
    how.title = words.tools[tool].how;
    // The options speak of the image, which is known with the first message.
    if (hello && !groups.length) {
      groups = tools().map((each) =>
        make("div", { class: "own", hidden: true, "data-options": each.name }, ...(each.options?.() ?? [])),
      );
      box.append(...groups);
    }
    for (const own of groups) {
      const isHidden = own.dataset.options !== tool || !own.childElementCount;
      if (isHidden && own.contains(document.activeElement)) byId("stage").focus({ preventScroll: true });
      own.hidden = isHidden;
    }
  });
}
