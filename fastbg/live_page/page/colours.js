// @ts-check
/** @typedef {[number, number, number]} Colour In [0, 1]. */

/** @param {string} text @returns {Colour} */
export function colourOf(text) {
  const number = parseInt(text.slice(1), 16);
  return [(number >> 16) / 255, ((number >> 8) & 255) / 255, (number & 255) / 255];
}

/** The stops of a colour map, at equal distances: 9, as the shaders have them. */
export const STOPS = 9;

/** Rises evenly in brightness: matplotlib's inferno, without its black. */
export const SEQUENTIAL = [
  "#0d0829", "#320a5e", "#57106e", "#88226a", "#bc3754", "#e35933", "#f98e09", "#f6c643", "#fcffa4",
].map(colourOf);

/** Blue below, dark at 0, orange above: the two ends differ in hue for every kind of sight. */
export const DIVERGING = [
  "#9fd4ff", "#4f9ef0", "#2568bd", "#173a68", "#14171d", "#5c3413", "#b0661a", "#ef9f3c", "#ffe0a8",
].map(colourOf);

/** Where every channel is missing, as in the preview. */
export const MISSING = colourOf("#262b34");

/** Marks over the sky; each has a pattern of its own, too. Those of painted layers are in tools/painted.js. */
export const MARKS = {
  found: colourOf("#ff6262"),
  unused: colourOf("#aab4c2"),
  notSky: colourOf("#ff963c"),
  sky: colourOf("#40d2c8"),
};

/** @param {Colour} colour */
export function cssOf(colour) {
  return `rgb(${colour.map((part) => Math.round(255 * part)).join(" ")})`;
}

/** @param {Colour[]} stops @param {number} at From 0 to 1. @returns {Colour} */
export function mapped(stops, at) {
  const place = Math.min(1, Math.max(0, at)) * (stops.length - 1);
  const below = Math.min(stops.length - 2, Math.floor(place));
  const part = place - below;
  return /** @type {Colour} */ (stops[below].map((each, i) => each + part * (stops[below + 1][i] - each)));
}
