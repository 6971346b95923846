// @ts-check
/** The right side of the page: the result, its warnings, the knobs, the history, saving. */

import { byId, make } from "../dom.js";
import { problem, say } from "../say.js";
import { sendBorders } from "../tools/borders.js";
import { borderFields, correctionKnobs } from "./correction.js";
import { downscaling } from "./downscaling.js";
import { fold, section } from "./fields.js";
import { flexibility } from "./flexibility.js";
import { history } from "./history.js";
import { knob } from "./knobs.js";
import { recovered } from "./recovered.js";
import { result, startResult } from "./result.js";
import { saving } from "./saving.js";
import { warnings } from "./warnings.js";
import { words } from "./words.js";

/** @typedef {import("../types.js").App} App */

/** What matters once there is a number of control points. */
const DESCENT = [
  "order", "initializer", "optimizer", "epochs", "alpha", "stiffness", "starts",
  "learning_rate", "seed",
];
const MORE = [
  "downscaling_func", "feather", "quantile", "threshold_min", "threshold_max", "second_opinion",
];

/** @param {import("../types.js").State} state */
const isDescent = ({ state }) => state?.settings.control_points?.value !== 0;

/** @param {App} app */
export function startPanel(app) {
  startResult(app);
  document.body.append(make("div", { id: "problems", role: "alert" }));
  app.store.on(["problems"], ({ problems }) => {
    for (const message of problems) problem({ message });
    if (problems.length) app.store.set({ problems: [] });
  });
  let dismiss = () => {};
  app.store.on(["failure"], ({ failure }) => {
    dismiss();
    dismiss = failure ? problem({ message: failure }) : () => {};
  });
  app.store.on(["connection"], ({ connection }) => say(words.connection[connection] ?? ""));
  window.addEventListener("pagehide", () => void app.send({ do: "leave" }).catch(() => {}));
  // What the server offers is known with its first message, and stays so for the session.
  const stop = app.store.on(["hello"], ({ hello }) => {
    if (!hello || byId("correct").childElementCount) return;
    fill(app);
    queueMicrotask(() => stop());
  });
}

/** @param {App} app */
function fill(app) {
  const knobs = section(words.knobs, "knobs",
    flexibility(app),
    knob(app, "smoothing", { matters: ({ state }) => Boolean(state?.use_samples && state.samples.length) }),
    knob(app, "protect"),
    ...correctionKnobs(app),
    borderFields(app, (border) => sendBorders(app, border)),
    downscaling(app),
    fold(words.descent.title, words.descent.help, knob(app, "control_points"),
      ...DESCENT.map((name) => knob(app, name, { matters: isDescent }))),
    fold(words.more.title, words.more.help, ...MORE.map((name) => knob(app, name))),
  );
  const parts = [recovered(app), result(app), warnings(app), knobs, history(app), saving(app)];
  byId("correct").append(...parts.filter((part) => part !== null));
}
