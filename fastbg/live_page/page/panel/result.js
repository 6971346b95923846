// @ts-check
/** The words of the result, large, with a mark while a newer fit runs. */

import { words } from "./words.js";
import { byId, make, write } from "../dom.js";
import { say } from "../say.js";

/** @param {import("../types.js").App} app */
export function startResult({ store }) {
  const most = make("strong");
  const rest = make("span");
  const stale = make("span", { class: "stale", hidden: true });
  byId("words").append(most, rest, stale);
  store.on(["fitted", "fitting", "hello"], ({ fitted, fitting, hello }) => {
    const [first, ...others] = (fitted?.words ?? (hello ? words.result.first : "")).split("; ");
    write(most, first + (others.length ? ";" : ""));
    write(rest, others.join("; "));
    byId("words").classList.toggle("is-stale", fitting);
    stale.hidden = !fitting;
    write(stale, fitted ? words.result.stale : words.result.begins);
    byId("stage").setAttribute("aria-busy", String(fitting));
  });
  store.on(["fitted"], ({ fitted }) => fitted && say(words.result.done(fitted)));
}
