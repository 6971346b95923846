// @ts-check
/** @import { App, Hello, Message, Picture } from "./types.js" */
import { connect } from "./connection.js";
import { startDisplay } from "./display.js";
import { byId } from "./dom.js";
import { Gestures } from "./gestures.js";
import { Screen } from "./gl/screen.js";
import { startHistogram } from "./histogram_panel.js";
import { startKeyboard } from "./keyboard.js";
import { startLegend } from "./legend.js";
import { startNotice } from "./notice.js";
import { Overlay } from "./overlay.js";
import { startPanel } from "./panel/index.js";
import { startReadout } from "./readout.js";
import { startSplitter } from "./splitter.js";
import { initialState, Store } from "./store.js";
import { startTools } from "./tools/index.js";
import { Viewport } from "./viewport.js";
import { words } from "./words.js";
import { startZoomer } from "./zoomer.js";

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

/** Pictures that come before the message that tells of them; they are shown together. */
const BEFORE = { fitted: ["model", "uncertainty", "weight", "objects", "small"], state: ["not_sky", "sky"] };
/** @type {Record<string, Picture>} */
const waiting = {};

/** All pictures, with those that have waited for a message. @param {"fitted" | "state"} message */
function picturesWith(message) {
  const pictures = { ...store.get().pictures };
  for (const name of BEFORE[message]) {
    if (waiting[name]) pictures[name] = waiting[name];
    delete waiting[name];
  }
  return pictures;
}

/** @param {Message} message */
function hear(message) {
  const { tell } = message;
  if (tell === "connection") store.set({ connection: message.status });
  else if (tell === "hello") greet(/** @type {any} */ (message));
  else if (tell === "state") {
    const settings = { ...store.get().hello?.settings, ...message.settings };
    store.set({ state: /** @type {any} */ ({ ...message, settings }), pictures: picturesWith("state") });
  } else if (tell === "fitting") store.set({ fitting: true, failure: null });
  else if (tell === "fitted") {
    const { level, strength, mode, divisor } = message;
    const pictures = picturesWith("fitted");
    const correction = { level, strength, mode, divisor };
    store.set({ fitted: /** @type {any} */ (message), fitting: false, failure: null, correction, pictures });
  } else if (tell === "problem") {
    // Where a fit has failed, none is running any more.
    if (message.revision != null) store.set({ fitting: false, failure: message.message });
    else store.set({ problems: [...store.get().problems, message.message] });
  } else if (tell === "changed_file") store.set({ notice: message.message || null });
  else if (tell === "ended") store.set({ connection: "ended", notice: message.message });
  else if (tell === "progress") {
    const { job, stage, done, total } = message;
    store.set({ jobs: { ...store.get().jobs, [job]: { stage, done, total } } });
  }
}

/** @param {Hello} hello */
function greet(hello) {
  const { width, height, name } = hello.image;
  // After a reconnection, the user looks at the same place as before.
  if (viewport.size[0] !== width || viewport.size[1] !== height) viewport.setImage(width, height);
  document.title = `${name} – ${words.title}`;
  byId("file").textContent = name;
  store.set({ hello });
}

/** @param {Picture} picture */
function take(picture) {
  const { fitted, state } = store.get();
  const told = BEFORE.fitted.includes(picture.name) ? fitted : BEFORE.state.includes(picture.name) ? state : { revision: Infinity };
  waiting[picture.name] = picture;
  if ((told?.revision ?? -1) < picture.header.revision) return;
  delete waiting[picture.name];
  store.set({ pictures: { ...store.get().pictures, [picture.name]: picture } });
}

// A page that is closed says so: the server ends sooner than after a connection that broke.
window.addEventListener("pagehide", ({ persisted }) => {
  if (!persisted) connection.send({ do: "leave" }).catch(() => {});
});
startDisplay(app);
startSplitter(app);
startZoomer(app);
startLegend(app, screen.sceneOf);
startReadout(app, screen);
startHistogram(app);
startNotice(app);
startTools(app);
startPanel(app);
startKeyboard(app);
export { app, screen };
