// @ts-check
/** @import { Header, Picture, Point } from "./types.js" */

/** The value of each of the 65536 half floats. */
export const HALVES = new Float32Array(65536);
for (let bits = 0; bits < HALVES.length; bits++) HALVES[bits] = decoded(bits);

/** @param {number} bits */
function decoded(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  if (exponent === 0) return sign * fraction * 2 ** -14;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction) * 2 ** (exponent - 15);
}

/**
 * One linear value of a picture of half floats; NaN = missing.
 * @param {Picture} picture @param {number} k The channel. @param {number} index Of the pixel.
 */
export function valueAt(picture, k, index) {
  const { offset, scale } = picture.header;
  return offset[k] + scale[k] * HALVES[picture.planes[k][index]];
}

/** Width and height of what a picture covers, in pixels of the image. @param {Header} header @returns {Point} */
export function extentOf({ width, height, binning = 1, extent }) {
  return extent ?? [width * binning, height * binning];
}

/**
 * The pixel of a picture that covers a place of the image, or -1 outside.
 * @param {Header} header @param {number} x @param {number} y In pixels of the image.
 */
export function indexAt(header, x, y) {
  const { width, height } = header;
  const [across, down] = extentOf(header);
  const [column, row] = [Math.floor((x * width) / across), Math.floor((y * height) / down)];
  const inside = column >= 0 && row >= 0 && column < width && row < height;
  return inside ? row * width + column : -1;
}

/**
 * The linear value at a place of the image, between the middles of the pixels of a picture.
 * @param {Picture} picture @param {number} k The channel. @param {number} x @param {number} y
 */
export function valueBetween(picture, k, x, y) {
  const { width, height } = picture.header;
  const [across, down] = extentOf(picture.header);
  const [left, toRight] = split((x * width) / across, width);
  const [top, toBottom] = split((y * height) / down, height);
  const at = top * width + left;
  const [right, below] = [left + 1 < width ? 1 : 0, top + 1 < height ? width : 0];
  /** @param {number} from */
  const inRow = (from) => (1 - toRight) * valueAt(picture, k, from) + toRight * valueAt(picture, k, from + right);
  return (1 - toBottom) * inRow(at) + toBottom * inRow(at + below);
}

/** The pixel before a place along a side, and the part of the way to the next. @param {number} place @param {number} size */
function split(place, size) {
  const at = Math.min(Math.max(place - 0.5, 0), size - 1);
  const before = Math.floor(at);
  return [before, at - before];
}
