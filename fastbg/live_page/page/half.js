// @ts-check
/** @import { Header, Picture } from "./types.js" */

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

/**
 * The pixel of a picture that covers a place of the image, or -1 outside.
 * @param {Header} header @param {number} x @param {number} y In pixels of the image.
 */
export function indexAt(header, x, y) {
  const size = header.binning ?? 1;
  const [column, row] = [Math.floor(x / size), Math.floor(y / size)];
  const inside = column >= 0 && row >= 0 && column < header.width && row < header.height;
  return inside ? row * header.width + column : -1;
}
