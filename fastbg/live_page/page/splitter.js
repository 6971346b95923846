// @ts-check
/** @import { App } from "./types.js" */
import { shownViews } from "./comparison.js";
import { byId } from "./dom.js";
import { words } from "./words.js";

/** How far the line moves by a key, as a part of the width. */
const STEP = 0.02;

/** The line between two views, to drag or to move by keys, and the names of both. @param {App} app */
export function startSplitter({ store, viewport }) {
  const line = byId("split");
  const names = [byId("left-name"), byId("right-name")];
  /** @param {number} at */
  const moveTo = (at) => store.set({ splitAt: Math.min(1, Math.max(0, at)) });

  line.addEventListener("pointerdown", (event) => {
    event.stopPropagation();
    line.setPointerCapture(event.pointerId);
  });
  line.addEventListener("pointermove", (event) => {
    if (!line.hasPointerCapture(event.pointerId)) return;
    event.stopPropagation();
    const { left, width } = viewport.stage.getBoundingClientRect();
    moveTo((event.clientX - left) / width);
  });
  line.addEventListener("keydown", (event) => {
    const to = {
      ArrowLeft: store.get().splitAt - STEP,
      ArrowDown: store.get().splitAt - STEP,
      ArrowRight: store.get().splitAt + STEP,
      ArrowUp: store.get().splitAt + STEP,
      Home: 0,
      End: 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    moveTo(to);
  });

  function show() {
    const state = store.get();
    const { layout, splitAt } = state;
    const part = Math.round(100 * splitAt);
    line.hidden = layout !== "split";
    line.style.left = `${100 * splitAt}%`;
    line.setAttribute("aria-valuenow", String(part));
    line.setAttribute("aria-valuetext", words.splitAt(splitAt));
    const views = shownViews(state).flatMap((parts, pane) => parts.map((each) => ({ ...each, pane })));
    const [width] = viewport.pane;
    names.forEach((name, i) => {
      // A single view needs a name only while it is not the one that was chosen.
      name.hidden = i >= views.length || (views.length < 2 && !state.blink);
      if (name.hidden) return;
      const { view, from, to, pane } = views[i];
      const [left, top] = viewport.corner(pane);
      name.textContent = words.view[view];
      name.hidden = (to - from) * width < 60;
      // Both names are at the outer ends, where they do not hide what is compared.
      const isRight = layout === "split" && i === 1;
      name.style.left = isRight ? "auto" : `${left}px`;
      name.style.right = isRight ? "0" : "auto";
      name.style.top = `${top}px`;
      name.style.maxWidth = `${(to - from) * width}px`;
    });
  }
  store.on(["layout"], ({ layout }) => viewport.setPanes(layout === "side" ? 2 : 1));
  store.on(["layout", "splitAt", "view", "blink"], show);
  viewport.on("change", show);
}
