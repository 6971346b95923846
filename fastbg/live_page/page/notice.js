// @ts-check
/** @import { App, State } from "./types.js" */
import { byId } from "./dom.js";
import { words } from "./words.js";

/** One line over the picture as long as there is none, or the connection is lost. @param {App} app */
export function startNotice({ store }) {
  const line = byId("notice");
  store.on(["notice", "connection", "pictures"], (state) => {
    const text = textOf(state);
    line.hidden = !text;
    // A line that is read aloud is not changed to itself.
    if (line.textContent !== text) line.textContent = text;
  });
}

/** @param {State} state */
function textOf({ notice, connection, pictures }) {
  if (connection === "ended") return notice ?? words.ended;
  if (connection === "lost") return words.lost;
  return notice ?? (pictures.original ? "" : words.loading);
}
