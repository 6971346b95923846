// @ts-check
/** @import { App, Message, Picture } from "./types.js" */
import { connect } from "./connection.js";
import { Gestures } from "./gestures.js";
import { Screen } from "./gl/screen.js";
import { startKeyboard } from "./keyboard.js";
import { Overlay } from "./overlay.js";
import { startPanel } from "./panel/index.js";
import { initialState, Store } from "./store.js";
import { startTools } from "./tools/index.js";
import { Viewport } from "./viewport.js";
import { words } from "./words.js";

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

for (const element of document.querySelectorAll("[data-word]")) {
  element.textContent = /** @type {any} */ (words)[element.getAttribute("data-word") ?? ""];
}
for (const element of document.querySelectorAll("[data-label]")) {
  element.setAttribute("aria-label", /** @type {any} */ (words)[element.getAttribute("data-label") ?? ""]);
}

const stage = byId("stage");
const store = new Store(initialState());
const viewport = new Viewport(stage);
const gestures = new Gestures(stage, viewport, store);
viewport.takes = (/** @type {PointerEvent} */ event) => gestures.takes(event);
const overlay = new Overlay(/** @type {HTMLCanvasElement} */ (byId("overlay")), viewport);
const screen = new Screen(/** @type {HTMLCanvasElement} */ (byId("picture")), store, viewport);
const connection = connect(hear, take);
/** @type {App} */
const app = { store, viewport, overlay, send: connection.send };

/** @param {Message} message */
function hear(message) {
  const { state } = store.get();
  if (message.tell === "connection") store.set({ connection: message.status });
  else if (message.tell === "hello") {
    const { width, height } = message.image;
    // After a reconnection, the user looks at the same place as before.
    if (viewport.size[0] !== width || viewport.size[1] !== height) viewport.setImage(width, height);
    store.set({ hello: /** @type {any} */ (message) });
  } else if (message.tell === "state") {
    const settings = { ...(state ?? store.get().hello)?.settings, ...message.settings };
    store.set({ state: /** @type {any} */ ({ ...message, settings }) });
  } else if (message.tell === "fitting") store.set({ fitting: true });
  else if (message.tell === "fitted") {
    const { level, strength, mode, divisor } = message;
    store.set({ fitted: /** @type {any} */ (message), fitting: false, correction: { level, strength, mode, divisor } });
  } else if (message.tell === "problem") store.set({ problems: [...store.get().problems, message.message] });
  else if (message.tell === "changed_file") store.set({ notice: message.message });
  else if (message.tell === "ended") store.set({ connection: "ended", notice: message.message });
  else if (message.tell === "progress") {
    const { job, stage, done, total } = message;
    store.set({ jobs: { ...store.get().jobs, [job]: { stage, done, total } } });
  }
}

/** @param {Picture} picture */
function take(picture) {
  store.set({ pictures: { ...store.get().pictures, [picture.name]: picture } });
}

overlay.invalidate();
startTools(app);
startPanel(app);
startKeyboard(app);
export { app, screen };
