// @ts-check
/** The jobs that run: how far each is, and a button that cancels it. */

import { words } from "./words_of_work.js";
import { assign, button, make, write } from "../dom.js";
import { problem, say } from "../say.js";

/** @typedef {import("../types.js").App} App */

/**
 * Ask for something that takes a while; its progress is shown until the answer is there.
 *
 * @param {App} app
 * @param {Record<string, any>} message
 */
export async function runJob({ store, send }, message) {
  const end = (/** @type {any} */ { id }) => {
    const { [id]: _ended, ...others } = store.get().jobs;
    store.set({ jobs: others });
  };
  try {
    const answer = await send(message);
    end(answer);
    return answer;
  } catch (error) {
    end(error);
    throw error;
  }
}

/** @param {App} app */
export function jobs(app) {
  // Nothing answers to what was asked before the connection was lost.
  app.store.on(["connection"], () => app.store.set({ jobs: {} }));
  /** @type {Map<string, {row: HTMLElement, bar: HTMLProgressElement, text: HTMLElement}>} */
  const rows = new Map();
  const element = make("div", { class: "jobs" });
  app.store.on(["jobs"], ({ jobs: running }) => {
    for (const [job, { stage, done, total }] of Object.entries(running)) {
      const shown = rows.get(job) ?? add(job);
      // A stage of one step has no share that is done.
      assign(shown.bar, { max: Math.max(1, total), value: total > 1 ? done : null });
      write(shown.text, words.jobs.stage(stage, done, total));
    }
    for (const [job, { row }] of rows) {
      if (job in running) continue;
      if (row.contains(document.activeElement)) focusSave();
      row.remove();
      rows.delete(job);
    }
  });
  /** @param {string} job */
  function add(job) {
    const bar = make("progress", { "aria-label": words.jobs.label });
    const text = make("span");
    const cancel = () => {
      const asked = /^\d+$/.test(job) ? Number(job) : job;
      app.send({ do: "cancel", job: asked }).then(() => say(words.jobs.cancelled), problem);
    };
    const row = make("div", { class: "job" }, text, bar, button(words.jobs.cancel, words.jobs.cancel_help, cancel));
    rows.set(job, { row, bar, text });
    element.append(row);
    return { row, bar, text };
  }
  return element;
}

/** The focus goes where the job was begun. */
function focusSave() {
  const begun = document.querySelector(".saving button.main");
  if (begun instanceof HTMLElement) begun.focus({ preventScroll: true });
}
