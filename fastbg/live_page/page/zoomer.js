// @ts-check
/** @import { App } from "./types.js" */
import { byId, make } from "./dom.js";
import { STEP } from "./gestures.js";
import { words } from "./words.js";

/** The zoom in the corner of the picture, and buttons to change it. @param {App} app */
export function startZoomer({ viewport }) {
  const number = make("output", { "aria-label": words.zoomLabel });
  /** @param {string} text @param {string} title @param {string} keys @param {() => void} click */
  const button = (text, title, keys, click) =>
    make("button", { type: "button", title, "aria-label": title, "aria-keyshortcuts": keys, click }, text);
  byId("zoomer").append(
    button("−", words.zoomOut, "-", () => viewport.zoomAt(1 / STEP)),
    number,
    button("+", words.zoomIn, "+", () => viewport.zoomAt(STEP)),
    button(words.zoomFit, words.zoomFitHelp, "0", () => viewport.fit()),
    button(words.oneToOne, words.oneToOneHelp, "9", () => viewport.oneToOne()),
  );
  const show = () => {
    number.textContent = words.zoom(viewport.zoom);
  };
  viewport.on("change", show);
  show();
}
