// @ts-check
/** @import { Correction, Picture } from "./types.js" */
import { corrected } from "./correction.js";
import { indexAt, valueAt } from "./half.js";
import { quantile, sampled, some } from "./robust.js";

/** Pixels that are counted. */
const PIXELS = 120_000;
/** The part of the pixels at each end that may lie beyond the axis. */
const BEYOND = 0.004;
/** The axis begins at most so many times the distance from the median to its end below the median. */
const REACH_BELOW = 3;

/** The stretched value of the median, in `fastbg.image.stretch`. */
const TARGET = 0.25;

/** The names of the settings that have a line, in the order of their values. */
export const LINES = /** @type {const} */ (["threshold_min", "quantile", "threshold_max"]);
/** @typedef {(typeof LINES)[number]} Line */

/**
 * What a histogram is drawn of: sorted linear values of each channel.
 * @typedef {{ minimum: number[], sorted: Float64Array[] }} Sampled
 */

/** @param {Picture} original @returns {Sampled} */
export function samplesOf(original) {
  const sorted = original.planes.map((_, k) => sampled(original, (i) => valueAt(original, k, i), PIXELS));
  const minimum = original.header.statistics?.minimum ?? sorted.map((values) => values[0]);
  return { minimum, sorted };
}

/**
 * The same pixels without their background, in no order.
 * @param {Picture} original @param {Picture} model @param {Correction} correction
 */
export function correctedSamples(original, model, correction) {
  const { width, binning = 1 } = original.header;
  return original.planes.map((_, k) =>
    some(
      original,
      (i) => {
        const [x, y] = [((i % width) + 0.5) * binning, (Math.floor(i / width) + 0.5) * binning];
        const at = indexAt(model.header, x, y);
        return at < 0 ? NaN : corrected(valueAt(original, k, i), valueAt(model, k, at), correction, k);
      },
      PIXELS,
    ),
  );
}

/** The linear values at the two ends of the axis. @param {Sampled} samples */
export function spanOf({ sorted }) {
  const full = sorted.filter((values) => values.length);
  const high = Math.max(...full.map((values) => quantile(values, 1 - BEYOND)));
  const low = Math.min(
    ...full.map((values) => {
      const middle = quantile(values, 0.5);
      return Math.max(quantile(values, BEYOND), middle - REACH_BELOW * (quantile(values, 1 - BEYOND) - middle));
    }),
  );
  const margin = 0.04 * (high - low) || 1e-6;
  return { low: low - margin, high: high + margin };
}

/** Round linear values on the axis, about four. @param {{ low: number, high: number }} span */
export function ticksOf({ low, high }) {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((each) => each * power >= rough) ?? 10);
  const ticks = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) ticks.push(i * step);
  return ticks;
}

/**
 * How many values lie in each of the equal bins of the axis.
 * @param {Float64Array} values @param {{ low: number, high: number }} span @param {number} bins
 */
export function countsOf(values, { low, high }, bins) {
  const counts = new Uint32Array(bins);
  for (const value of values) {
    const bin = Math.floor(((value - low) / (high - low)) * bins);
    if (bin >= 0 && bin < bins) counts[bin]++;
  }
  return counts;
}

/**
 * The linear value of a setting's line in one channel. Thresholds are in the stretched space, where
 * the smallest sample is 0, the quantile is 1 and the median is 0.25.
 * @param {Sampled} samples @param {number} k @param {Line} line
 * @param {number} value Of the setting. @param {number} quantileSetting
 */
export function linearOf({ minimum, sorted }, k, line, value, quantileSetting) {
  if (line === "quantile") return quantile(sorted[k], value);
  const scale = quantile(sorted[k], quantileSetting) - minimum[k];
  const midtones = Math.min(1, Math.max(0, (quantile(sorted[k], 0.5) - minimum[k]) / scale));
  const y = Math.min(1, Math.max(0, value));
  const part = midtones * y;
  const rest = (1 / (1 - TARGET) - 1) * (1 - midtones) * (1 - y);
  return minimum[k] + (part + rest ? (scale * part) / (part + rest) : 0);
}

/**
 * Where the handle of a line is: the mean over the channels.
 * @param {Sampled} samples @param {Line} line @param {number} value @param {number} quantileSetting
 */
export function meanLinearOf(samples, line, value, quantileSetting) {
  const each = samples.sorted.map((_, k) => linearOf(samples, k, line, value, quantileSetting));
  return each.reduce((sum, one) => sum + one, 0) / each.length;
}

/**
 * The value of a setting whose handle is at a linear value: the inverse of `meanLinearOf`.
 * @param {Sampled} samples @param {Line} line @param {number} linear @param {number} quantileSetting
 */
export function settingAt(samples, line, linear, quantileSetting) {
  let [low, high] = [0, 1];
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (meanLinearOf(samples, line, middle, quantileSetting) < linear) low = middle;
    else high = middle;
  }
  return high;
}
