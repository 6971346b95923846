// @ts-check
/** @import { Picture } from "./types.js" */

/** Statistics of the page are those of about this many pixels. */
const PIXELS = 20_000;

/**
 * The finite ones of some values of a picture, taken at equal distances.
 * @param {Picture} picture @param {(index: number) => number} value @param {number} [most]
 */
export function sampled(picture, value, most = PIXELS) {
  const total = picture.header.width * picture.header.height;
  // An odd step does not stay in few columns.
  const step = Math.max(1, Math.floor(total / most)) | 1;
  const found = [];
  for (let i = 0; i < total; i += step) {
    const each = value(i);
    if (Number.isFinite(each)) found.push(each);
  }
  return Float64Array.from(found).sort();
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
