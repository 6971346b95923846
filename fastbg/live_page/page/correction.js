// @ts-check
/** @import { Correction } from "./types.js" */

/**
 * A linear value without its background, as `fastbg.model.correction` computes it.
 * @param {number} value @param {number} model @param {Correction} correction @param {number} k
 */
export function corrected(value, model, { strength, mode, level, divisor = 1 }, k) {
  const divided = model === 0 ? value : value * (level[k] / model);
  const whole = (mode === "divide" ? divided : value - (model - level[k])) / divisor;
  return (1 - strength) * value + strength * whole;
}

/**
 * How corrected values are brought to the level of the original on the screen: `factor * v + shift`.
 *
 * A model's median as the pedestal keeps the level, and so does a neutral one on the mean of the
 * channels, whose colours then show. Without a pedestal, all would be black under the stretch of
 * the original.
 *
 * @param {Correction} correction
 * @param {number[]} medians Of the model.
 * @returns {{ factor: number, shift: number }}
 */
export function brightness(correction, medians) {
  /** @param {number[]} values */
  const mean = (values) => values.reduce((sum, each) => sum + each, 0) / values.length;
  const before = mean(medians);
  const after = mean(medians.map((each, k) => corrected(each, each, correction, k)));
  if (!Number.isFinite(before - after)) return { factor: 1, shift: 0 };
  if (correction.mode === "divide") return { factor: after ? before / after : 1, shift: 0 };
  return { factor: 1, shift: before - after };
}
