// @ts-check
/** @import { State, ViewName } from "./types.js" */

/** @type {ViewName[]} */
export const VIEWS = ["original", "corrected", "model", "residual", "sky", "uncertainty"];

/** @typedef {{ view: ViewName, from: number, to: number }} Part Of the width of a pane. */

/**
 * What is seen where: for each pane, its parts from left to right.
 *
 * Every view is compared with the original, and the original with the corrected image.
 * @param {Pick<State, "view" | "blink" | "layout" | "splitAt">} state
 * @returns {Part[][]}
 */
export function shownViews({ view, blink, layout, splitAt }) {
  /** @type {[ViewName, ViewName]} */
  const pair = ["original", view === "original" ? "corrected" : view];
  if (blink) pair.reverse();
  const whole = { from: 0, to: 1 };
  if (layout === "side") return pair.map((each) => [{ view: each, ...whole }]);
  if (layout === "split") {
    return [[{ view: pair[0], from: 0, to: splitAt }, { view: pair[1], from: splitAt, to: 1 }]];
  }
  const other = view === "original" ? "corrected" : "original";
  return [[{ view: blink ? other : view, ...whole }]];
}
