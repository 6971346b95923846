// @ts-check
/** What is told in words: a status line that is read aloud, and problems that stay for a while. */

import { byId, make, write } from "./dom.js";
import { words } from "./tools/words.js";

const STAYS = 12_000;

/** A message as a whole sentence. @param {string} text */
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1).replace(/\.?$/, ".");

/**
 * Tell something that needs no answer.
 *
 * @param {string} text
 */
export function say(text) {
  write(byId("status"), text);
}

/**
 * Tell what failed, why, and what to do; it goes away after a while, or when it is pressed.
 *
 * @param {Error | {message: string}} error
 * @returns {() => void} What lets it go away sooner.
 */
export function problem(error) {
  const notes = byId("problems");
  const text = sentence(error.message);
  if ([...notes.children].some((note) => note.firstChild?.textContent === text)) return () => {};
  const dismiss = () => {
    if (note.contains(document.activeElement)) byId("stage").focus({ preventScroll: true });
    note.remove();
  };
  const note = make(
    "div",
    { class: "problem" },
    make("span", {}, text),
    make("button", { type: "button", title: words.dismiss, "aria-label": words.dismiss, click: dismiss }, "×"),
  );
  notes.append(note);
  setTimeout(dismiss, STAYS);
  return dismiss;
}
