// @ts-check
/** The session that ended without a warning is offered again. */

import { words } from "./words_of_work.js";
import { button, byId, make } from "../dom.js";
import { problem, say } from "../say.js";

/** @param {import("../types.js").App} app */
export function recovered({ store, send }) {
  const { hello } = store.get();
  if (!hello?.recovered) return null;
  const { accept, refuse, title, tell } = words.recovered;
  const answer = (/** @type {boolean} */ yes) => {
    send({ do: "recover", accept: yes }).then(() => {
      element.remove();
      byId("stage").focus({ preventScroll: true });
      say(yes ? words.recovered.accepted : words.recovered.refused);
    }, problem);
  };
  const element = make("section", { class: "recovered", role: "region", "aria-label": title },
    make("h2", {}, title), make("p", {}, tell(hello.recovered)),
    make("div", { class: "buttons" },
      button(accept.label, accept.help, () => answer(true), { class: "main" }),
      button(refuse.label, refuse.help, () => answer(false))));
  // Another page may have decided.
  store.on(["hello"], ({ hello: now }) => now?.recovered || element.remove());
  return element;
}
