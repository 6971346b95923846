// @ts-check
/** The words of the result: the most important ones large, with a mark while a newer fit runs. */

import { byId, make, write } from "../dom.js";
import { say } from "../say.js";
import { section } from "./fields.js";
import { words } from "./words.js";

/** @typedef {import("../types.js").App} App */

/** @param {App} app */
export function startResult({ store }) {
  const most = make("strong");
  const stale = make("span", { class: "stale", hidden: true });
  byId("words").append(most, stale);
  store.on(["fitted", "fitting", "hello"], ({ fitted, fitting, hello }) => {
    const [first] = (fitted?.words ?? (hello ? words.result.first : "")).split(/[;.] /);
    write(most, first);
    byId("words").classList.toggle("is-stale", fitting);
    stale.hidden = !fitting || !fitted;
    write(stale, words.result.stale);
    byId("stage").setAttribute("aria-busy", String(fitting));
  });
  store.on(["fitted"], ({ fitted }) => fitted && say(words.result.done(fitted)));
}

/** All that the result says, in the panel. @param {App} app */
export function result({ store }) {
  const most = make("p", { class: "most" });
  const rest = make("ul", { class: "rest" });
  const element = section(words.result.title, "result", most, rest);
  store.on(["fitted", "fitting"], ({ fitted, fitting }) => {
    element.hidden = !fitted;
    element.classList.toggle("is-stale", fitting);
    if (!fitted) return;
    const [first, ...others] = fitted.words.split(/; |(?<=\D)\. |(?<=\d)\. (?=[A-Z\d])/);
    write(most, first);
    const told = others.map((each) => each[0].toUpperCase() + each.slice(1));
    const lines = [...told, words.result.seconds(fitted.seconds)];
    if ([...rest.children].map((each) => each.textContent).join() === lines.join()) return;
    rest.replaceChildren(...lines.map((line) => make("li", {}, line.replace(/\.?$/, "."))));
  });
  return element;
}
