// @ts-check
/** @import { Picture } from "./types.js" */
import { valueAt } from "./half.js";
import { deviation, median, quantile, sampled } from "./robust.js";

/** The residual is that of means of 2 ** SMOOTHING pixels along each side. */
export const SMOOTHING = 2;
/** The range of those means, in deviations of the noise of one pixel. */
const RESIDUAL = 1;
const NOT_A_NUMBER = 0x7e00;

/**
 * The values at the two ends of a colour map.
 * @typedef {{ low: number, high: number }} Range
 */

/**
 * The median of each channel of a model.
 * @param {Picture} model
 */
export function mediansOf(model) {
  return model.planes.map((_, k) => median(sampled(model, (i) => valueAt(model, k, i))));
}

/**
 * The deviation of the noise in each channel of the small copy, where it was fitted.
 * @param {Picture} small @param {Picture} model @param {Picture | undefined} weight
 */
export function noiseOf(small, model, weight) {
  return small.planes.map((_, k) => {
    /** @param {number} i */
    const residual = (i) => (weight && weight.planes[0][i] < 128 ? NaN : valueAt(small, k, i) - valueAt(model, k, i));
    return deviation(sampled(small, residual)) || 1;
  });
}

/**
 * The small copy where it is sky; elsewhere it is missing, so that no mean contains an object.
 * @param {Picture} small @param {Picture | undefined} weight @returns {Picture}
 */
export function skyOf(small, weight) {
  if (!weight) return small;
  const [used] = weight.planes;
  const planes = small.planes.map((plane) => plane.map((bits, i) => (used[i] < 128 ? NOT_A_NUMBER : bits)));
  return { ...small, planes };
}

/** @param {number} boost @returns {Range} In deviations of the noise. */
export const residualRange = (boost) => ({ low: -RESIDUAL / boost, high: RESIDUAL / boost });

/**
 * That of a model, about its median.
 * @param {Picture} model @param {number[]} medians @param {number | null} channel
 * @returns {Range}
 */
export function modelRange(model, medians, channel) {
  const values = sampled(model, (i) => together(model, i, channel, medians));
  return ordered({ low: quantile(values, 0), high: quantile(values, 1) });
}

/** @param {Picture} uncertainty @param {number | null} channel @returns {Range} Linear. */
export function uncertaintyRange(uncertainty, channel) {
  const zeros = uncertainty.planes.map(() => 0);
  const values = sampled(uncertainty, (i) => together(uncertainty, i, channel, zeros));
  return ordered({ low: 0, high: quantile(values, 0.99) });
}

/**
 * The mean of all channels of a pixel, or the only one that is shown, over what is subtracted.
 * @param {Picture} picture @param {number} i @param {number | null} channel @param {number[]} less
 */
function together(picture, i, channel, less) {
  if (channel !== null) return valueAt(picture, channel, i) - less[channel];
  const sum = picture.planes.reduce((total, _, k) => total + valueAt(picture, k, i) - less[k], 0);
  return sum / picture.planes.length;
}

/** @param {Range} range @returns {Range} One that has a width. */
function ordered({ low, high }) {
  const width = high - low;
  return width > 0 ? { low, high } : { low: (low || 0) - 1e-6, high: (low || 0) + 1e-6 };
}
