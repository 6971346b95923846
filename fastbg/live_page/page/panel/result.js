// @ts-check
/** The words of the result: the most important ones large, with a mark while a newer fit runs. */

import { byId, make, write } from "../dom.js";
import { say, sentence } from "../say.js";
import { section } from "./fields.js";
import { words } from "./words.js";

/** @typedef {import("../types.js").App} App */
/** @typedef {import("../types.js").Fitted} Fitted */

/** @param {App} app */
export function startResult({ store }) {
  const most = make("strong");
  const stale = make("span", { class: "stale", hidden: true });
  byId("words").append(most, stale);
  store.on(["fitted", "fitting", "failure", "hello"], ({ fitted, fitting, failure, hello }) => {
    const found = failure ? words.result.failed : fitted?.words;
    const [first] = (found ?? (hello ? words.result.first : "")).split(/[;.] /);
    write(most, first);
    byId("words").classList.toggle("is-stale", fitting);
    stale.hidden = !fitting || !fitted;
    write(stale, words.result.stale);
    byId("stage").setAttribute("aria-busy", String(fitting));
  });
  store.on(["failure"], ({ failure }) => failure && say(words.result.failed));
  store.on(["fitted"], ({ fitted }) => fitted && say(words.result.done(fitted)));
}

/** What a fit has found, line by line. @param {Fitted} fitted */
function found(fitted) {
  const [first, ...others] = fitted.words.split(/; |(?<=\D)\. |(?<=\d)\. (?=[A-Z\d])/);
  const told = others.map((each) => each[0].toUpperCase() + each.slice(1));
  return [first, ...told, words.result.seconds(fitted.seconds)];
}

/** Why there is no fit of what was done last. @param {string} why @param {Fitted | null} before */
function failed(why, before) {
  return [words.result.failed, sentence(why), ...(before ? [words.result.before] : [])];
}

/** All that the result says, in the panel. @param {App} app */
export function result({ store }) {
  const most = make("p", { class: "most" });
  const rest = make("ul", { class: "rest" });
  const element = section(words.result.title, "result", most, rest);
  store.on(["fitted", "fitting", "failure"], ({ fitted, fitting, failure }) => {
    element.hidden = !fitted && !failure;
    element.classList.toggle("is-stale", fitting);
    const [first, ...lines] = failure ? failed(failure, fitted) : fitted ? found(fitted) : [""];
    write(most, first);
    if ([...rest.children].map((each) => each.textContent).join() === lines.join()) return;
    rest.replaceChildren(...lines.map((line) => make("li", {}, line.replace(/\.?$/, "."))));
  });
  return element;
}
