// @ts-check
/** @import { Picture } from "./types.js" */

/** Statistics of the page are those of about this many pixels. */
const PIXELS = 10_000;

/**
 * The finite ones of some values of a picture, taken at equal distances.
 * @param {Picture} picture @param {(index: number) => number} value @param {number} most
 */
export function some(picture, value, most) {
  const total = picture.header.width * picture.header.height;
  // An odd step does not stay in few columns.
  const step = total > most ? Math.floor(total / most) | 1 : 1;
  const found = new Float64Array(Math.ceil(total / step));
  let count = 0;
  for (let i = 0; i < total; i += step) {
    const each = value(i);
    if (Number.isFinite(each)) found[count++] = each;
  }
  return found.subarray(0, count);
}

/**
 * The same in ascending order.
 * @param {Picture} picture @param {(index: number) => number} value @param {number} [most]
 */
export function sampled(picture, value, most = PIXELS) {
  return some(picture, value, most).sort();
}

/** @param {Float64Array} sorted @param {number} part */
export function quantile(sorted, part) {
  if (!sorted.length) return NaN;
  const place = part * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

/** @param {Float64Array} sorted */
export const median = (sorted) => quantile(sorted, 0.5);

/** The standard deviation of noise, from the MAD. @param {Float64Array} sorted */
export function deviation(sorted) {
  const middle = median(sorted);
  return 1.4826 * median(sorted.map((each) => Math.abs(each - middle)).sort());
}
