// @ts-check
/** Mouse, pen and fingers on the image become touches of the tool in use. */

import { activeTool } from "./registry.js";

/**
 * @typedef {import("../types.js").App} App
 * @typedef {import("./tool.js").Touch} Touch
 */

/** What lies over the image and is used by itself. */
const CONTROLS = "button, input, select, [role=slider]";
const PEN_ERASER = 5;
const RIGHT = 2;
const WHEEL_STEP = 1.15;

/**
 * Listen on the image.
 *
 * @param {App} app
 * @param {HTMLElement} stage
 */
export function listen(app, stage) {
  /** @type {number | null} */
  let pressed = null;
  let alternate = false;

  const touch = (/** @type {PointerEvent | MouseEvent} */ event, twice = false) => ({
    point: app.viewport.toImage(event.clientX, event.clientY),
    place: /** @type {[number, number]} */ ([event.clientX, event.clientY]),
    by: /** @type {Touch["by"]} */ ("pointerType" in event ? event.pointerType || "mouse" : "mouse"),
    alternate,
    twice,
    shift: event.shiftKey,
  });

  const giveUp = () => {
    if (pressed === null) return;
    pressed = null;
    activeTool(app).cancel?.();
  };

  let [lastTime, lastX, lastY] = [0, 0, 0];
  const isSecond = (/** @type {PointerEvent} */ event) => {
    const near = Math.hypot(event.clientX - lastX, event.clientY - lastY) < 6;
    const soon = event.timeStamp - lastTime < 400;
    [lastTime, lastX, lastY] = [near && soon ? 0 : event.timeStamp, event.clientX, event.clientY];
    return near && soon;
  };

  stage.addEventListener("pointerdown", (event) => {
    if (event.target instanceof Element && event.target.closest(CONTROLS)) return;
    if (app.viewport.takes(event) || pressed !== null) return giveUp();
    if (event.button === 1) return;
    // The mouse events that follow a finger would take the focus from what the tool opens.
    event.preventDefault();
    stage.focus({ preventScroll: true });
    app.store.set({ cursor: null });
    pressed = event.pointerId;
    alternate = event.button === RIGHT || event.button === PEN_ERASER;
    stage.setPointerCapture(pressed);
    activeTool(app).down?.(touch(event, isSecond(event)));
  });
  stage.addEventListener("pointermove", (event) => {
    if (pressed !== null && event.pointerId !== pressed) return;
    const events = event.getCoalescedEvents?.() ?? [];
    const touches = (events.length ? events : [event]).map((each) => touch(each));
    activeTool(app).move?.(touches, pressed !== null);
  });
  stage.addEventListener("pointerup", (event) => {
    if (event.pointerId !== pressed) return;
    pressed = null;
    activeTool(app).up?.(touch(event));
    alternate = false;
  });
  stage.addEventListener("pointercancel", giveUp);
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  stage.addEventListener(
    "wheel",
    (event) => {
      const tool = activeTool(app);
      if (!tool.resize || !(event.shiftKey || event.altKey)) return;
      // A browser turns the wheel with Shift into one to the side.
      const turned = event.deltaY || event.deltaX;
      event.preventDefault();
      event.stopImmediatePropagation();
      tool.resize(turned < 0 ? WHEEL_STEP : 1 / WHEEL_STEP);
    },
    { capture: true, passive: false },
  );
}
