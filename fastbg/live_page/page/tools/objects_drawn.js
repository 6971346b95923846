// @ts-check
/** The outlines of what was found as objects; the one under the pointer is filled. */

import { drawCells } from "./ink.js";
import { packed } from "./painted.js";

/**
 * @typedef {import("../types.js").App} App
 * @typedef {import("../types.js").Picture} Picture
 */

const RED = [255, 98, 98];
const [OUTLINE, INNER, CHOSEN] = [210, 36, 130].map((alpha) => packed(RED, alpha));

const canvas = document.createElement("canvas");
/** What the canvas shows: a picture, and the number of the object that is filled. */
/** @type {{picture: Picture | null, chosen: number}} */
const shown = { picture: null, chosen: -1 };

/**
 * @param {App} app
 * @param {CanvasRenderingContext2D} context
 * @param {import("../viewport.js").Viewport} viewport
 */
export function drawObjects({ store }, context, viewport) {
  const { pictures, hovered } = store.get();
  const picture = pictures.objects;
  if (!picture) return;
  if (shown.picture !== picture || shown.chosen !== hovered) paint(picture, hovered);
  drawCells(canvas, picture.header.binning ?? 1, context, viewport);
}

/** @param {Picture} picture @param {number} chosen */
function paint(picture, chosen) {
  const { width, height } = picture.header;
  const labels = picture.planes[0];
  Object.assign(canvas, { width, height });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const pixels = context.createImageData(width, height);
  const colours = new Uint32Array(pixels.data.buffer);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const cell = row * width + column;
      const label = labels[cell];
      if (!label) continue;
      const isEdge =
        (column > 0 && labels[cell - 1] !== label) ||
        (column < width - 1 && labels[cell + 1] !== label) ||
        (row > 0 && labels[cell - width] !== label) ||
        (row < height - 1 && labels[cell + width] !== label);
      colours[cell] = isEdge ? OUTLINE : label === chosen ? CHOSEN : INNER;
    }
  }
  context.putImageData(pixels, 0, 0);
  Object.assign(shown, { picture, chosen });
}
